package sshclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// localPatience bounds connecting to the local end of a remote forward.
const localPatience = 2 * time.Minute

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
	if s.answer(open, local, err) {
		s.run()
	}
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
