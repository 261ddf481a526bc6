package iaptest

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBuffer is what one direction of an in-memory connection holds before
// Write blocks, about a socket buffer.
const pipeBuffer = 64 << 10

// newPipe returns the two ends of an in-memory connection. Unlike net.Pipe it
// is buffered, can be half-closed and reset, and so behaves like TCP.
func newPipe() (a, b *pipeConn) {
	ab, ba := newHalfPipe(), newHalfPipe()
	return &pipeConn{in: ba, out: ab}, &pipeConn{in: ab, out: ba}
}

type pipeConn struct{ in, out *halfPipe }

func (c *pipeConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *pipeConn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close lets the peer read what was written, and refuses what it writes.
func (c *pipeConn) Close() error {
	c.out.closeWriter()
	c.in.closeReader()
	return nil
}

// CloseWrite is the FIN of TCP: the peer reads EOF, the other direction goes on.
func (c *pipeConn) CloseWrite() error {
	c.out.closeWriter()
	return nil
}

// reset is the RST of TCP: both ends fail at once and what was under way is lost.
func (c *pipeConn) reset() {
	c.in.reset()
	c.out.reset()
}

func (c *pipeConn) LocalAddr() net.Addr  { return pipeAddr{} }
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr{} }

func (c *pipeConn) SetDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	c.out.setWriteDeadline(t)
	return nil
}

func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	return nil
}

func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.out.setWriteDeadline(t)
	return nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe:0" }

// halfPipe is one direction.
type halfPipe struct {
	mu      sync.Mutex
	changed sync.Cond // broadcast after every change of what follows

	// guarded by mu
	data                ring
	eof                 bool // the writer has closed
	readerGone          bool // the reader has closed
	broken              bool // reset
	readDead, writeDead deadline
}

func newHalfPipe() *halfPipe {
	h := &halfPipe{}
	h.changed.L = &h.mu
	return h
}

func (h *halfPipe) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.broken:
			return 0, pipeError("read", syscall.ECONNRESET)
		case h.readerGone:
			return 0, pipeError("read", net.ErrClosed)
		case h.readDead.passed():
			return 0, pipeError("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case h.data.len() > 0:
			n := copy(p, h.data.peek(h.data.start, len(p)))
			h.data.discard(h.data.start + uint64(n))
			h.changed.Broadcast()
			return n, nil
		case h.eof:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *halfPipe) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.broken:
			return n, pipeError("write", syscall.ECONNRESET)
		case h.eof:
			return n, pipeError("write", net.ErrClosed)
		case h.readerGone:
			return n, pipeError("write", syscall.EPIPE)
		case h.writeDead.passed():
			return n, pipeError("write", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return n, nil
		}
		if room := pipeBuffer - h.data.len(); room > 0 {
			k := min(room, len(p))
			h.data.append(p[:k])
			n, p = n+k, p[k:]
			h.changed.Broadcast()
			continue
		}
		h.changed.Wait()
	}
}

func (h *halfPipe) closeWriter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.eof = true
	h.writeDead.set(time.Time{}, h)
	h.changed.Broadcast()
}

func (h *halfPipe) closeReader() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readerGone = true
	h.data.discard(h.data.end)
	h.readDead.set(time.Time{}, h)
	h.changed.Broadcast()
}

func (h *halfPipe) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = true
	h.data.discard(h.data.end)
	h.readDead.set(time.Time{}, h)
	h.writeDead.set(time.Time{}, h)
	h.changed.Broadcast()
}

func (h *halfPipe) setReadDeadline(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readDead.set(t, h)
	h.changed.Broadcast()
}

func (h *halfPipe) setWriteDeadline(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writeDead.set(t, h)
	h.changed.Broadcast()
}

// wake lets waiters look at their deadline.
func (h *halfPipe) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

// deadline is guarded by the mutex of its halfPipe.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(t time.Time, h *halfPipe) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, h.wake)
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func pipeError(op string, err error) error {
	return &net.OpError{Op: op, Net: "pipe", Addr: pipeAddr{}, Err: err}
}

// pipeListener is a net.Listener whose connections come from dial.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := newPipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, pipeError("dial", syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, pipeError("dial", ctx.Err())
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, pipeError("accept", net.ErrClosed)
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }
