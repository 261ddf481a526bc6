package sshclient

import (
	"context"
	"fmt"

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
