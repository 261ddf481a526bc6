package sshclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// acceptPause is how long a listener waits after an error, for lack of descriptors mostly.
const acceptPause = time.Second

// negotiationPatience is how long a client may take to say who it is, or where it wants to go.
const negotiationPatience = time.Minute

// listener accepts connections to a local forward at one address.
type listener struct {
	net.Listener
	forwards *Forwards
	forward  *openForward
	closed   chan struct{}
}

// bindAddresses are the addresses that a local forward listens on: pairs of network
// and host, by OpenSSH's rules (channels.c, channel_fwd_bind_addr). A name that has to be
// looked up comes back as it is.
func bindAddresses(host string, options ForwardOptions) [][2]string {
	four, six := "127.0.0.1", "::1"
	switch {
	case host == "*", host == "" && options.GatewayPorts:
		four, six = "0.0.0.0", "::"
	case host != "" && host != "localhost":
		return [][2]string{{map[string]string{"inet": "tcp4", "inet6": "tcp6", "any": "tcp", "": "tcp"}[options.AddressFamily], host}}
	}
	switch options.AddressFamily {
	case "inet":
		return [][2]string{{"tcp4", four}}
	case "inet6":
		return [][2]string{{"tcp6", six}}
	}
	return [][2]string{{"tcp6", six}, {"tcp4", four}}
}

// listen opens the listeners of a local forward. One of several addresses is enough,
// as in ssh, but that the last is missing, IPv4's, is an error that it tells.
func (f *Forwards) listen(ctx context.Context, o *openForward) error {
	for _, l := range f.options.Listeners.take(o.Forward) {
		o.keep(f, l)
	}
	if len(o.listeners) > 0 {
		return nil
	}
	if o.Listen.Path != "" {
		l, err := listenUnix(o.Listen.Path, f.options)
		if err != nil {
			return &ListenError{o.Listen, []error{err}}
		}
		o.keep(f, l)
		return nil
	}
	var failed []error
	told := Verbose
	port := o.Listen.Port
	for _, address := range bindAddresses(o.Listen.Host, f.options) {
		listening, err := f.listenTCP(ctx, address, port)
		if err != nil {
			failed = append(failed, err)
			told = Error // if it is the last: there are systems without IPv6, which comes first
			continue
		}
		told = Verbose
		o.keep(f, listening)
		port = listening.Addr().(*net.TCPAddr).Port
	}
	if len(o.listeners) == 0 {
		return &ListenError{o.Listen, failed}
	}
	for _, err := range failed {
		f.client.log(told, "%v", err)
	}
	return nil
}

// listenUnix listens on a socket, of which nothing is left when the listener is closed.
func listenUnix(path string, options ForwardOptions) (net.Listener, error) {
	if options.UnlinkSocket {
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			os.Remove(path)
		}
	}
	return bindUnix(path, uint32(options.SocketMask.Perm()))
}

func (f *Forwards) listenTCP(ctx context.Context, address [2]string, port int) (net.Listener, error) {
	f.client.log(Debug1, "Local forwarding listening on %s port %d.", address[1], port)
	config := &net.ListenConfig{}
	return config.Listen(ctx, address[0], net.JoinHostPort(address[1], strconv.Itoa(port)))
}

// keep adds a listener to its forward.
func (o *openForward) keep(f *Forwards, l net.Listener) {
	if f.options.Listeners != nil {
		l = &lentListener{deadlineListener: l.(deadlineListener)}
	}
	o.listeners = append(o.listeners, &listener{Listener: l, forwards: f, forward: o, closed: make(chan struct{})})
	if o.Bound = o.Listen; o.Bound.Path == "" {
		o.Bound.Port = l.Addr().(*net.TCPAddr).Port
	}
}

// close ends the listening.
func (o *openForward) close() {
	for _, l := range o.listeners {
		close(l.closed)
		l.Close()
	}
}

// release ends the listening, of a client that has ended: it is the next one's, if there is to be one.
func (f *Forwards) release(o *openForward) {
	if f.options.Listeners == nil || o.Kind.remote() {
		o.close()
		return
	}
	for _, l := range o.listeners {
		close(l.closed)
	}
	f.options.Listeners.keep(o)
}

// accept accepts connections until the listener is closed.
func (l *listener) accept() {
	defer l.forwards.client.work.Done()
	for {
		conn, err := l.Accept()
		if err == nil {
			l.take(conn.(halfCloser))
			continue
		}
		select {
		case <-l.closed:
			return
		default:
		}
		l.forwards.complain("accept on %s: %v", l.forward.Bound, err)
		select {
		case <-l.closed:
			return
		case <-time.After(acceptPause):
		}
	}
}

// take hands an accepted connection to a goroutine of its own.
func (l *listener) take(conn halfCloser) {
	if !l.forwards.client.begin() {
		conn.Close()
		return
	}
	go l.serve(conn)
}

// serve carries one accepted connection.
func (l *listener) serve(conn halfCloser) {
	f, port := l.forwards, l.forward.Bound.Port
	defer f.client.work.Done()
	s := &splice{forwards: f}
	s.connect(conn)
	to := l.forward.Connect
	if l.forward.Kind == DynamicForward {
		s.name = fmt.Sprintf("dynamic-tcpip: listening port %d", port)
	} else {
		s.describe(conn, port, to)
	}
	if !f.enter(s) {
		conn.Close()
		return
	}
	defer f.leave(s)
	if l.forward.Kind == DynamicForward {
		var ok bool
		if to, ok = l.negotiate(s, conn); !ok {
			return
		}
	}
	f.client.log(Debug1, "Connection to port %d forwarding to %s port %d requested.", port, to.Host, to.Port)
	channel, reqs, err := f.client.openDirect(to, endpointOf(conn.RemoteAddr()))
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		f.complain("channel %d: open failed: %s", s.number, openFailure(refused))
		return
	}
	if err != nil { // the connection has ended
		return
	}
	s.open(channel, reqs)
	s.run()
}

// negotiate asks a client where it wants to go. As from ssh it hears that all is well before
// the server has been asked, which saves it a round trip.
func (l *listener) negotiate(s *splice, conn halfCloser) (to Endpoint, ok bool) {
	patience := time.AfterFunc(negotiationPatience, s.abort)
	defer patience.Stop()
	request, err := readSOCKS(conn)
	if err == nil {
		_, err = conn.Write(request.granted())
	}
	if err != nil {
		l.forwards.client.log(Debug1, "dynamic forward on %s: %v", l.forward.Bound, err)
		return Endpoint{}, false
	}
	l.forwards.rename(s, conn, l.forward.Bound.Port, request.to)
	return request.to, true
}
