package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// minBuffer is what one direction of a connection moves at a time to begin with. A buffer that is filled to the brim grows up to
// maxBuffer: a thousand idle clients cost little memory, and one in a hurry few system calls.
const (
	minBuffer = 16 << 10
	maxBuffer = 256 << 10
)

// grown gives the buffer to read into after n bytes were read into buf.
func grown(buf []byte, n int) []byte {
	if n < len(buf) || n >= maxBuffer {
		return buf
	}
	return make([]byte, 4*len(buf))
}

// connection joins a local client and a session. Two goroutines: run itself, which brings what the far side sends, and upload. The
// session's end is the connection's. A client that has no more to send keeps receiving, as far as the relay's protocol allows: see
// iap.Conn.CloseWrite.
type connection struct {
	id    int
	local net.Conn
	began time.Time

	session  Conn // set by attach, under mu, and read without it after that
	uploader sync.WaitGroup

	sent, received atomic.Uint64 // bytes to and from the far side

	mu       sync.Mutex // guards what follows
	attached bool       // session is set
	aborted  bool       // no session is wanted any more
	gone     error      // why the client is; nil while it is there
}

// LocalError tells that the client went away, or its socket failed.
type LocalError struct{ Err error }

func (e *LocalError) Error() string { return fmt.Sprintf("local connection: %v", e.Err) }

func (e *LocalError) Unwrap() error { return e.Err }

// attach gives the connection its session; false if it is not wanted any more.
func (c *connection) attach(session Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.attached = session, true
	return !c.aborted
}

// run carries bytes until the session ends or the client is gone. nil is the far side's clean end.
func (c *connection) run() error {
	c.uploader.Go(c.upload)
	err := c.download()
	var local *LocalError
	switch {
	case err == nil:
		c.sayGoodbye()
	case !errors.As(err, &local):
		c.reset() // what the client has may not be all there was
	default:
		c.local.Close()
	}
	c.session.Close()
	c.uploader.Wait()
	c.local.Close()
	return err
}

// upload ends with the client's last byte, or with the session. What a client still sends then is read and dropped.
func (c *connection) upload() {
	buf := make([]byte, minBuffer)
	for over := false; ; {
		n, err := c.local.Read(buf)
		if n > 0 && !over {
			var written int
			written, writeErr := c.session.Write(buf[:n])
			c.sent.Add(uint64(written))
			over = writeErr != nil
			buf = grown(buf, n)
		}
		switch {
		case err == io.EOF:
			c.session.CloseWrite()
			return
		case err != nil:
			c.leave(err)
			return
		}
	}
}

// leave ends the session of a client that is gone: nobody wants the answer.
func (c *connection) leave(err error) {
	c.mu.Lock()
	c.gone = err
	c.mu.Unlock()
	c.session.Close()
}

// reason is why we closed the session: the client is gone, or the server ends.
func (c *connection) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone == nil {
		return errEnding
	}
	return c.gone
}

var errEnding = errors.New("closed, since the tunnel ends")

// download ends with the session, or when the client takes no more.
func (c *connection) download() error {
	buf := make([]byte, minBuffer)
	for {
		n, err := c.session.Read(buf)
		if n > 0 {
			c.received.Add(uint64(n))
			if _, err := c.local.Write(buf[:n]); err != nil {
				return &LocalError{err}
			}
			buf = grown(buf, n)
		}
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, net.ErrClosed):
			return &LocalError{c.reason()}
		case err != nil:
			return err
		}
	}
}

// sayGoodbye tells the client at once that the far side has ended, and lets it hang up by itself.
func (c *connection) sayGoodbye() {
	half, ok := c.local.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.local.Close()
		return
	}
	c.local.SetReadDeadline(time.Now().Add(unreadLimit))
}

// reset ends the client's connection so that it cannot take it for a clean end.
func (c *connection) reset() {
	if tcp, ok := c.local.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.local.Close()
}

// hurry has the connection's end not wait for a link that is down.
func (c *connection) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.attached {
		c.session.Hurry()
	}
}

// abort ends the connection at once.
func (c *connection) abort() {
	c.local.Close()
	c.mu.Lock()
	c.aborted = true
	attached := c.attached
	c.mu.Unlock()
	if attached {
		c.session.Close()
	}
}

// moved is a number that changes whenever something moves.
func (c *connection) moved() uint64 {
	n := c.sent.Load() + c.received.Load()
	if s, ok := c.stats(); ok {
		n -= uint64(s.Unconfirmed)
	}
	return n
}
