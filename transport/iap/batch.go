package iap

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"
)

// Two thin conns make a batch of messages cost one system call. The WebSocket library writes a message in pieces of 4 KiB, each
// of which would become a TLS record and a write:
//
//	websocket → frameConn: collects pieces → tls.Conn: seals full records → recordConn: collects records → TCP
//
// Both pass everything through until hold is called, which ends the dial. From then on their Write only appends, whoever
// calls it (the reader answering a ping, TLS answering a key update), and flush, called by the link's writer alone, does the
// work. So nothing but the writer ever waits for the network.
//
// The other way recordConn takes as much as the system has, and tells the session before it waits for more: what was received is
// announced to the caller once for all of it, since waking a goroutine costs as much as a third of decrypting a message.

const (
	minReadBuffer = 8 << 10
	maxReadBuffer = 64 << 10
)

// collector keeps what is written until one goroutine passes all of it on.
type collector struct {
	mu      sync.Mutex // guards the fields below
	holding bool
	held    []byte
	passed  []byte // the last batch's memory, to be used again
}

func (c *collector) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

func (c *collector) holds() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holding
}

func (c *collector) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}

// add keeps a copy of p, unless the collecting has not begun.
func (c *collector) add(p []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding {
		c.held = append(c.held, p...)
	}
	return c.holding
}

// drainTo writes the batch to w. Only one goroutine calls it.
func (c *collector) drainTo(w io.Writer) error {
	c.mu.Lock()
	c.held, c.passed = c.passed[:0], c.held
	batch := c.passed
	c.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	_, err := w.Write(batch)
	return err
}

// recordConn is the conn below TLS.
type recordConn struct {
	net.Conn // TCP, or what NetDial returned

	// The reader's: what the last read brought and TLS has not asked for yet.
	in         []byte
	r, w       int
	beforeRead func() // called before the network is read, or nil
	afterRead  func() // called when it has brought something, or nil

	out collector
}

func (c *recordConn) Write(p []byte) (int, error) {
	if c.out.add(p) {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// Read gives what was read ahead, or reads ahead.
func (c *recordConn) Read(p []byte) (int, error) {
	if c.r == c.w {
		if c.beforeRead != nil {
			c.beforeRead()
		}
		if c.w == len(c.in) && c.w < maxReadBuffer { // the last read took all there was room for
			c.in = make([]byte, max(minReadBuffer, 2*c.w))
		}
		n, err := c.Conn.Read(c.in)
		c.r, c.w = 0, n
		if n == 0 {
			return 0, err
		}
		if c.afterRead != nil {
			c.afterRead()
		}
	}
	n := copy(p, c.in[c.r:c.w])
	c.r += n
	return n, nil
}

// flush writes what was collected.
func (c *recordConn) flush() error { return c.out.drainTo(c.Conn) }

// maxControlHeld bounds the control frames that wait for the writer, in bytes; pings beyond it are not answered.
const maxControlHeld = 64 << 10

// frameConn is the conn above TLS, which the WebSocket library believes to be the network.
type frameConn struct {
	*tls.Conn
	records *recordConn
	wake    func() // tells the writer that there is something to flush; set before out holds
	out     collector

	mu      sync.Mutex // guards the fields below
	closed  bool
	readErr error // the first failure of Read: the link broke, whatever the library makes of it
}

func (c *frameConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.mu.Lock()
		if c.readErr == nil {
			c.readErr = err
		}
		c.mu.Unlock()
	}
	return n, err
}

// readFailure is the first error of Read, or nil.
func (c *frameConn) readFailure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readErr
}

func (c *frameConn) Write(p []byte) (int, error) {
	switch {
	case c.isClosed():
		return 0, net.ErrClosed
	case c.out.add(p):
		c.wake()
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// hold begins the collecting; wake is called whenever something was appended.
func (c *frameConn) hold(wake func()) {
	c.wake = wake
	c.records.out.hold()
	c.out.hold()
}

// waiting says how many bytes wait for flush.
func (c *frameConn) waiting() int { return c.out.size() }

// seal moves what was collected through TLS into the record conn, without touching the network.
func (c *frameConn) seal() error { return c.out.drainTo(c.Conn) }

// flush writes everything collected to the network.
func (c *frameConn) flush() error {
	if err := c.seal(); err != nil {
		return err
	}
	return c.records.flush()
}

// Close is called by the WebSocket library, which may have written a close frame just before. During the dial it closes the
// connection. Later it only ends reading and leaves the rest to the writer, which flushes, for at most closeFlush, and hangs up.
func (c *frameConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	c.mu.Unlock()
	if !c.out.holds() {
		return c.Conn.Close()
	}
	now := time.Now()
	c.records.Conn.SetReadDeadline(now)
	c.records.Conn.SetWriteDeadline(now.Add(closeFlush))
	c.wake()
	return nil
}

func (c *frameConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// hangUp flushes what is left, says so to TLS, and closes the TCP connection. The writer calls it last; what fails here has no
// consequence, since the link is over.
//
// Closing a socket with unread bytes resets the connection, and a reset can overtake our last words, such as the answer to a
// close frame. So the relay is given a moment to close first, as RFC 6455 section 7.1.1 wants it.
func (c *frameConn) hangUp() {
	tcp := c.records.Conn
	defer tcp.Close()
	if c.seal() != nil || c.Conn.CloseWrite() != nil {
		return
	}
	tcp.SetWriteDeadline(time.Now().Add(closeFlush)) // CloseWrite leaves one that has passed
	if c.records.flush() != nil {
		return
	}
	tcp.SetReadDeadline(time.Now().Add(hangUpWait))
	io.Copy(io.Discard, tcp)
}
