package sshtest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeBuffer is how much waits unread in one direction of a Pipe.
const pipeBuffer = 256 << 10

// Pipe returns both ends of a connection in memory, buffered unlike net.Pipe: both
// sides of SSH write first, and would wait for each other. It works under
// testing/synctest. It has no deadlines.
func Pipe() (client, server net.Conn) {
	up, down := newFlow(), newFlow()
	return &pipeEnd{in: down, out: up}, &pipeEnd{in: up, out: down}
}

// Dial returns the client's end of a Pipe that the server serves.
func (s *Server) Dial() net.Conn {
	client, server := Pipe()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		client.Close()
		return client
	}
	s.work.Add(1)
	go s.serveAccepted(server)
	return client
}

// flow is one direction of a Pipe.
type flow struct {
	mu     sync.Mutex
	moved  sync.Cond // data, space or closed has changed
	data   []byte    // guarded by mu
	closed bool      // guarded by mu
}

func newFlow() *flow {
	f := &flow{}
	f.moved.L = &f.mu
	return f
}

func (f *flow) read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.data) == 0 {
		if f.closed {
			return 0, io.EOF
		}
		f.moved.Wait()
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	f.moved.Broadcast()
	return n, nil
}

func (f *flow) write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	written := 0
	for len(p) > 0 {
		for !f.closed && len(f.data) >= pipeBuffer {
			f.moved.Wait()
		}
		if f.closed {
			return written, io.ErrClosedPipe
		}
		n := min(len(p), pipeBuffer-len(f.data))
		f.data = append(f.data, p[:n]...)
		p, written = p[n:], written+n
		f.moved.Broadcast()
	}
	return written, nil
}

func (f *flow) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.moved.Broadcast()
}

// pipeEnd is one end of a Pipe. What was written before Close can still be read.
type pipeEnd struct{ in, out *flow }

func (e *pipeEnd) Read(p []byte) (int, error)  { return e.in.read(p) }
func (e *pipeEnd) Write(p []byte) (int, error) { return e.out.write(p) }

func (e *pipeEnd) Close() error {
	e.in.close()
	e.out.close()
	return nil
}

func (e *pipeEnd) LocalAddr() net.Addr  { return pipeAddr{} }
func (e *pipeEnd) RemoteAddr() net.Addr { return pipeAddr{} }

func (e *pipeEnd) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (e *pipeEnd) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (e *pipeEnd) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// pipeAddr is the address of both ends, in the form of host and port.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "127.0.0.1:0" }
