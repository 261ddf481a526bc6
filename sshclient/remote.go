package sshclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// How a server is asked to listen, and hands us what it has accepted: RFC 4254 section
// 7.1, and OpenSSH's PROTOCOL, section 2.4.
const (
	listenTCPRequest  = "tcpip-forward"
	cancelTCPRequest  = "cancel-tcpip-forward"
	listenUnixRequest = "streamlocal-forward@openssh.com"
	cancelUnixRequest = "cancel-streamlocal-forward@openssh.com"
	forwardedTCP      = "forwarded-tcpip"
	forwardedUnix     = "forwarded-streamlocal@openssh.com"
)

const maxPort = 65535

// localPatience bounds connecting to the local end of a remote forward.
const localPatience = 2 * time.Minute

// remoteHost is the address that the server is asked to listen on, by OpenSSH's rules
// (channels.c, channel_rfwd_bind_host).
func remoteHost(host string) string {
	switch host {
	case "":
		return "localhost"
	case "*":
		return ""
	}
	return host
}

// listenRequest asks the server to listen, or to listen no more.
func listenRequest(at Endpoint, cancel bool) (name string, payload []byte) {
	if at.Path != "" {
		name = listenUnixRequest
		if cancel {
			name = cancelUnixRequest
		}
		return name, ssh.Marshal(struct{ Path string }{at.Path})
	}
	name = listenTCPRequest
	if cancel {
		name = cancelTCPRequest
	}
	return name, ssh.Marshal(struct {
		Host string
		Port uint32
	}{remoteHost(at.Host), uint32(at.Port)})
}

// openRemote opens a forward whose listening end is the server's.
func (f *Forwards) openRemote(ctx context.Context, forward Forward) (Endpoint, error) {
	if !f.client.begin() {
		return Endpoint{}, ErrClosed
	}
	q := &listenQuestion{forwards: f, forward: forward, result: make(chan bound)}
	go q.run(ctx.Done())
	select {
	case r := <-q.result:
		return r.at, r.err
	case <-ctx.Done():
		return Endpoint{}, context.Cause(ctx)
	}
}

// listenQuestion is an openRemote in progress. It outlives a context that ends, to take
// back what the server may still grant.
type listenQuestion struct {
	forwards *Forwards
	forward  Forward
	result   chan bound
}

type bound struct {
	at  Endpoint
	err error
}

func (q *listenQuestion) run(canceled <-chan struct{}) {
	defer q.forwards.client.work.Done()
	r := q.ask()
	select {
	case q.result <- r:
	case <-canceled:
		if r.err == nil {
			q.forwards.Cancel(context.Background(), q.forward)
		}
	}
}

// ask asks the server, and lists the forward before connections to it are looked at: the
// first may come right behind the answer.
func (q *listenQuestion) ask() bound {
	f := q.forwards
	f.mu.Lock()
	f.asked++
	f.mu.Unlock()
	defer f.answered()

	name, payload := listenRequest(q.forward.Listen, false)
	ok, reply, err := f.client.conn.SendRequest(name, true, payload)
	if err != nil {
		return bound{err: f.client.whyLost()}
	}
	at := q.forward.Listen
	if ok && at.Path == "" && at.Port == 0 {
		var msg struct{ Port uint32 }
		if err := ssh.Unmarshal(reply, &msg); err != nil || msg.Port == 0 || msg.Port > maxPort {
			return bound{err: fmt.Errorf("the server chose no valid port: %w", ErrRefused)}
		}
		at.Port = int(msg.Port)
	}
	if !ok {
		return bound{err: ErrRefused}
	}
	if !f.add(&openForward{OpenForward: OpenForward{Forward: q.forward, Bound: at}}) {
		return bound{err: ErrClosed}
	}
	return bound{at: at}
}

// answered ends the wait of connections that may belong to a forward that was asked for.
func (f *Forwards) answered() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked--
	f.answers.Broadcast()
}

// closeRemote tells the server to listen no more. As from ssh, no answer is asked for;
// but to write may have to wait for the link.
func (f *Forwards) closeRemote(ctx context.Context, o *openForward) {
	if !f.client.begin() {
		return
	}
	told := make(chan struct{})
	go f.tellToClose(o.Bound, told)
	select {
	case <-told:
	case <-ctx.Done():
	}
}

func (f *Forwards) tellToClose(at Endpoint, told chan<- struct{}) {
	defer f.client.work.Done()
	defer close(told)
	name, payload := listenRequest(at, true)
	f.client.conn.SendRequest(name, false, payload)
}

// forwarded is what the server says of a connection that it has accepted.
type forwarded struct {
	at     Endpoint // where it listened
	origin Endpoint
}

func parseForwarded(open ssh.NewChannel) (forwarded, error) {
	if open.ChannelType() == forwardedUnix {
		var msg struct{ Path, Reserved string }
		err := ssh.Unmarshal(open.ExtraData(), &msg)
		return forwarded{at: Endpoint{Path: msg.Path}}, err
	}
	var msg struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	err := ssh.Unmarshal(open.ExtraData(), &msg)
	if err == nil && (msg.Port > maxPort || msg.OriginPort > maxPort) {
		err = fmt.Errorf("no such port: %d", max(msg.Port, msg.OriginPort))
	}
	return forwarded{Endpoint{Host: msg.Host, Port: int(msg.Port)}, Endpoint{Host: msg.OriginHost, Port: int(msg.OriginPort)}}, err
}

// matchForwarded finds the forward that a connection belongs to. Servers name the address
// as it was asked for, or as they have bound it: the port decides.
func matchForwarded(open []*openForward, at Endpoint) *openForward {
	var samePort *openForward
	for _, o := range open {
		switch {
		case !o.Kind.remote() || o.Bound.Path != at.Path || o.Bound.Port != at.Port:
		case at.Path != "" || remoteHost(o.Bound.Host) == at.Host:
			return o
		case samePort == nil:
			samePort = o
		}
	}
	return samePort
}

// owner waits for questions to be answered before it says that nobody wanted a connection.
func (f *Forwards) owner(at Endpoint) *openForward {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if o := matchForwarded(f.open, at); o != nil || f.asked == 0 {
			return o
		}
		f.answers.Wait()
	}
}

// serveForwarded carries a connection that the server has accepted for us.
func (f *Forwards) serveForwarded(open ssh.NewChannel) {
	in, err := parseForwarded(open)
	if err != nil {
		f.complain("forwarded connection: %v", err)
		open.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	o := f.owner(in.at)
	if o == nil {
		f.complain("WARNING: Server requests forwarding for unknown %s", in.at)
		open.Reject(ssh.Prohibited, "open failed")
		return
	}
	s := &splice{forwards: f, name: fmt.Sprintf("%s: listening at %s for %s, connect from %s", open.ChannelType(), in.at, o.target(), in.origin)}
	defer s.close()
	if !f.enter(s) {
		open.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	defer f.leave(s)
	if o.Kind == RemoteDynamicForward {
		f.serveDynamic(s, open)
		return
	}
	local, err := f.dialLocal(o.Connect)
	if err != nil {
		open.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	s.connect(local)
	channel, reqs, err := open.Accept()
	if err != nil {
		return
	}
	s.open(channel, reqs)
	s.run()
}

// target is where a remote forward leads to.
func (o *openForward) target() string {
	if o.Kind == RemoteDynamicForward {
		return "SOCKS"
	}
	return o.Connect.String()
}

// serveDynamic asks a client on the far side where it wants to go, and connects it.
func (f *Forwards) serveDynamic(s *splice, open ssh.NewChannel) {
	channel, reqs, err := open.Accept()
	if err != nil {
		return
	}
	s.open(channel, reqs)
	local, err := f.dialAsked(s)
	if err != nil {
		f.client.log(Debug1, "remote dynamic forward: %v", err)
		return
	}
	s.connect(local)
	s.run()
}

// dialAsked connects to where a SOCKS client wants to go, and tells it the result.
func (f *Forwards) dialAsked(s *splice) (halfCloser, error) {
	patience := time.AfterFunc(negotiationPatience, s.giveUp)
	defer patience.Stop()
	client := s.channel
	request, err := readSOCKS(client)
	if err != nil {
		return nil, err
	}
	if !f.options.permits(request.to) {
		client.Write(request.answer(socks5Prohibited))
		return nil, fmt.Errorf("PermitRemoteOpen does not allow %s", request.to)
	}
	local, err := f.dialLocal(request.to)
	if err != nil {
		client.Write(request.answer(socks5Failed))
		return nil, err
	}
	if _, err := client.Write(request.granted()); err != nil {
		local.Close()
		return nil, err
	}
	return local, nil
}

// dialLocal connects to the local end of a remote forward, and complains if it cannot.
func (f *Forwards) dialLocal(to Endpoint) (halfCloser, error) {
	conn, err := f.dialTo(to)
	if err != nil {
		f.complain("connect_to %s: failed: %v", to, reason(err))
	}
	return conn, err
}

func (f *Forwards) dialTo(to Endpoint) (halfCloser, error) {
	ctx, cancel := context.WithTimeout(f.life, localPatience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, to.Network(), to.String())
	if err != nil {
		return nil, err
	}
	return conn.(halfCloser), nil
}

// reason is an error of the network without what was tried.
func reason(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
