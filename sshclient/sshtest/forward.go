package sshtest

import (
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// forwarder is what a connection forwards: it connects for the client (direct-tcpip), and
// listens for it (tcpip-forward), to TCP ports and Unix sockets (OpenSSH's PROTOCOL, section 2.4).
type forwarder struct {
	conn ssh.Conn
	work *sync.WaitGroup // of the connection: serveRequests, accept, and each join

	mu        sync.Mutex
	over      bool                    // guarded by mu
	listeners map[string]net.Listener // guarded by mu; by what the client calls them
}

// place is an end of a forward as messages have it.
type place struct {
	Host string
	Port uint32
}

func (p place) String() string { return net.JoinHostPort(p.Host, strconv.Itoa(int(p.Port))) }

// serveRequests answers the client's global requests until the connection ends, and
// ends what it listens on.
func (f *forwarder) serveRequests(reqs <-chan *ssh.Request) {
	defer f.work.Done()
	for req := range reqs {
		ok, payload := f.answer(req)
		req.Reply(ok, payload)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	for _, l := range f.listeners {
		l.Close()
	}
}

func (f *forwarder) answer(req *ssh.Request) (ok bool, payload []byte) {
	var at place
	var path struct{ Path string }
	switch req.Type {
	case "tcpip-forward":
		return ssh.Unmarshal(req.Payload, &at) == nil && f.listenTCP(at, &payload), payload
	case "cancel-tcpip-forward":
		return ssh.Unmarshal(req.Payload, &at) == nil && f.cancel(at.String()), nil
	case "streamlocal-forward@openssh.com":
		return ssh.Unmarshal(req.Payload, &path) == nil && f.listenUnix(path.Path), nil
	case "cancel-streamlocal-forward@openssh.com":
		return ssh.Unmarshal(req.Payload, &path) == nil && f.cancel(path.Path), nil
	}
	return false, nil
}

// listenTCP listens on loopback, whatever the client asks for, and puts a port that
// it chose itself into the answer.
func (f *forwarder) listenTCP(at place, answer *[]byte) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(at.Port))))
	if err != nil {
		return false
	}
	if at.Port == 0 {
		at.Port = uint32(listener.Addr().(*net.TCPAddr).Port)
		*answer = ssh.Marshal(struct{ Port uint32 }{at.Port})
	}
	return f.listen(at.String(), &accepting{f, listener, "forwarded-tcpip", at})
}

func (f *forwarder) listenUnix(path string) bool {
	listener, err := net.Listen("unix", path)
	return err == nil && f.listen(path, &accepting{f, listener, "forwarded-streamlocal@openssh.com", place{Host: path}})
}

// listen starts to accept, unless the connection is over.
func (f *forwarder) listen(name string, a *accepting) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		a.listener.Close()
		return false
	}
	f.listeners[name] = a.listener
	f.work.Add(1)
	go a.accept()
	return true
}

func (f *forwarder) cancel(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	listener, open := f.listeners[name]
	if open {
		listener.Close()
		delete(f.listeners, name)
	}
	return open
}

// accepting is one thing that is listened on.
type accepting struct {
	forwarder *forwarder
	listener  net.Listener
	channel   string // type of what is opened for each connection
	at        place
}

func (a *accepting) accept() {
	defer a.forwarder.work.Done()
	for {
		conn, err := a.listener.Accept()
		if err != nil {
			return
		}
		a.forwarder.work.Add(1)
		go a.hand(conn.(halfCloser))
	}
}

// hand hands an accepted connection to the client.
func (a *accepting) hand(conn halfCloser) {
	defer a.forwarder.work.Done()
	payload := ssh.Marshal(struct{ Path, Reserved string }{a.at.Host, ""})
	if origin, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		payload = append(ssh.Marshal(a.at), ssh.Marshal(place{origin.IP.String(), uint32(origin.Port)})...)
	}
	channel, requests, err := a.forwarder.conn.OpenChannel(a.channel, payload)
	if err != nil {
		conn.Close()
		return
	}
	join(channel, requests, conn)
}

// connect connects a channel of the client's to where it wants to go.
func (f *forwarder) connect(open ssh.NewChannel) {
	defer f.work.Done()
	network, address := "tcp", ""
	var to struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	var path struct {
		Path, Host string
		Port       uint32
	}
	switch {
	case open.ChannelType() == "direct-tcpip" && ssh.Unmarshal(open.ExtraData(), &to) == nil:
		address = place{to.Host, to.Port}.String()
	case open.ChannelType() == "direct-streamlocal@openssh.com" && ssh.Unmarshal(open.ExtraData(), &path) == nil:
		network, address = "unix", path.Path
	default:
		open.Reject(ssh.UnknownChannelType, "refused")
		return
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		open.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := open.Accept()
	if err != nil {
		conn.Close()
		return
	}
	join(channel, requests, conn.(halfCloser))
}

type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// join carries bytes until both directions have ended, or the channel has.
func join(channel ssh.Channel, requests <-chan *ssh.Request, conn halfCloser) {
	var ways sync.WaitGroup
	ways.Go(func() {
		ssh.DiscardRequests(requests)
		conn.SetReadDeadline(time.Unix(1, 0)) // the channel is closed
	})
	var halves sync.WaitGroup
	halves.Go(func() {
		io.Copy(channel, conn)
		channel.CloseWrite()
	})
	halves.Go(func() {
		io.Copy(conn, channel)
		conn.CloseWrite()
	})
	halves.Wait()
	conn.Close()
	channel.Close()
	ways.Wait()
}
