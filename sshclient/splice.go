package sshclient

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// halfCloser is a local connection: TCP or a Unix socket.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// splice joins a local connection with a channel. Each direction ends by itself, and
// passes its end on; when both have ended, so has the whole, as in OpenSSH (nchan.c).
//
// It runs copyIn in the goroutine of its caller, and copyOut and serveRequests.
type splice struct {
	forwards *Forwards
	number   int    // among Forwards.conns
	name     string // in ssh's words
	channel  ssh.Channel
	over     atomic.Int32 // how many directions have ended
	work     sync.WaitGroup

	mu     sync.Mutex
	local  halfCloser // guarded by mu until run; nil while it is not connected
	closed bool       // guarded by mu; the server has closed the channel
	ended  bool       // guarded by mu; the connection to the server has ended
}

// describe names a connection that we accepted, as ssh's list of connections does.
func (s *splice) describe(conn net.Conn, port int, to Endpoint) {
	near, far := endpointOf(conn.LocalAddr()), endpointOf(conn.RemoteAddr())
	if far.Host == "" {
		far = fakeOrigin
	}
	kind, host := directTCP, to.Host
	if to.Path != "" {
		kind, host = directUnix, to.Path
	}
	s.name = fmt.Sprintf("%s: listening port %d for %s port %d, connect from %s port %d to %s port %d",
		kind, port, host, to.Port, far.Host, far.Port, near.Host, near.Port)
}

// open takes the channel, whose requests are answered from now on.
func (s *splice) open(channel ssh.Channel, reqs <-chan *ssh.Request) {
	s.channel = channel
	s.work.Add(1)
	go s.serveRequests(reqs)
}

// answer takes a channel that the server opens, if dialling the local end has gone well.
func (s *splice) answer(open ssh.NewChannel, local halfCloser, err error) bool {
	if err != nil {
		open.Reject(ssh.ConnectionFailed, "open failed")
		return false
	}
	s.connect(local)
	channel, reqs, err := open.Accept()
	if err == nil {
		s.open(channel, reqs)
	}
	return err == nil
}

// connect takes the local connection. Once the connection to the server has ended it is
// closed instead.
func (s *splice) connect(local halfCloser) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.local = local
	if s.ended {
		local.Close()
	}
	if s.closed {
		endInput(local)
	}
}

// run carries bytes until both directions have ended and the server has closed the channel.
func (s *splice) run() {
	s.work.Add(1)
	go s.copyOut()
	s.copyIn()
	s.work.Wait()
}

// abort ends a connection whose server is gone.
func (s *splice) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.local != nil {
		s.local.Close()
	}
}

// giveUp ends the channel of a client that does not say what it wants.
func (s *splice) giveUp() { s.channel.Close() }

// close ends a connection that run has carried, or that has come to nothing.
func (s *splice) close() {
	if s.local != nil {
		s.local.Close()
	}
	if s.channel != nil {
		s.channel.Close()
		s.work.Wait()
	}
}

// serveRequests ends when the server has closed the channel. Nothing local can be sent then.
func (s *splice) serveRequests(reqs <-chan *ssh.Request) {
	defer s.work.Done()
	ssh.DiscardRequests(reqs)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.local != nil {
		endInput(s.local)
	}
}

// endInput wakes who reads.
func endInput(local net.Conn) { local.SetReadDeadline(time.Unix(1, 0)) }

// copyIn sends what the local side says.
func (s *splice) copyIn() {
	pump(s.channel, s.local, s.buffer())
	s.channel.CloseWrite()
	s.half()
}

// copyOut passes on what the far side says. If nobody wants it here, it is dropped.
func (s *splice) copyOut() {
	defer s.work.Done()
	_, err := pump(s.local, s.channel, s.buffer())
	s.local.CloseWrite()
	s.half()
	if err != nil {
		pump(io.Discard, s.channel, s.buffer())
	}
}

// half notes the end of one direction.
func (s *splice) half() {
	if s.over.Add(1) == 2 {
		s.channel.Close()
		s.local.Close()
	}
}

func (s *splice) buffer() *copyBuffer {
	return &copyBuffer{own: make([]byte, tinyBuffer), limit: tinyBuffer, pool: &s.forwards.buffers}
}
