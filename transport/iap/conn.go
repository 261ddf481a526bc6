package iap

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/iapssh/iapssh/transport/iap/internal/wire"
)

const (
	// maxWaiting is how much may wait for Read before the session stops reading the network, in bytes. The relay's own window
	// is smaller, so only a relay that disregards it gets there.
	maxWaiting = 4 << 20
	// ackIdle is how long taken bytes stay unacknowledged when nothing else is sent. gcloud takes 2 s.
	ackIdle = 200 * time.Millisecond
	// drainWait is how long Close waits for the last unsent bytes to leave.
	drainWait = 2 * time.Second
)

// Conn is one session with the relay, and with it one TCP connection from the relay to the VM. It holds the contract of
// net.Conn: its methods may be called concurrently, deadlines are errors with Timeout() true after which the Conn still works,
// and Close unblocks everything.
//
// The protocol knows no half-close: the VM sees the end of the stream only when the whole session is closed.
//
// What goes on inside: run, one goroutine, serves the session's link and records how it ended; the link adds a writer and a
// pinger. All three are gone when Close returns.
type Conn struct {
	target Target
	local  net.Addr
	link   *link
	ended  chan struct{} // closed when run returns

	writeMu sync.Mutex // held for a whole Write, so that concurrent ones do not interleave

	mu       sync.Mutex // guards all below
	readable *sync.Cond // bytes came, or something ended or expired
	writable *sync.Cond // room came, or bytes were confirmed, or something ended or expired
	unparked *sync.Cond // the caller read, or closed
	send     sendLedger
	recv     recvLedger
	waits    bool // deliver waits for unparked
	ack      [10]byte
	ackNow   bool // taken bytes have waited for ackIdle
	ackTimer *time.Timer
	ackArmed bool

	readBy  deadline
	writeBy deadline
	closed  bool  // by Close
	err     error // the session's end, the first reason; nil while it lives
}

func newConn(target Target, l *link) *Conn {
	c := &Conn{target: target, local: l.conn.LocalAddr(), link: l, ended: make(chan struct{})}
	c.readable = sync.NewCond(&c.mu)
	c.writable = sync.NewCond(&c.mu)
	c.unparked = sync.NewCond(&c.mu)
	c.ackTimer = time.AfterFunc(time.Hour, c.ackIsIdle)
	c.ackTimer.Stop()
	go c.run()
	return c
}

// run is the session's life.
func (c *Conn) run() {
	defer close(c.ended)
	c.finish(c.link.serve(c))
}

// finish records the end of the session.
func (c *Conn) finish(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.ackTimer.Stop()
	c.wakeAll()
}

func (c *Conn) wakeAll() {
	c.readable.Broadcast()
	c.writable.Broadcast()
	c.unparked.Broadcast()
}

// Read reads what the VM sent. Bytes that came before the session ended are delivered first; then it returns io.EOF if the
// relay closed with code 1000, else the session's error (see LinkError, CloseError, ProtocolError) in a *net.OpError.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.opError("read", net.ErrClosed)
		case c.readBy.passed:
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case c.recv.waiting() > 0:
			n := c.recv.take(p)
			c.tookBytes()
			return n, nil
		case c.err != nil:
			return 0, c.readError()
		}
		c.readable.Wait()
	}
}

// tookBytes follows a take: an ACK may be due, or the reader may go on.
func (c *Conn) tookBytes() {
	if _, due := c.recv.ackDue(false, false); due {
		c.link.nudge()
	} else if !c.ackArmed {
		c.ackArmed = true
		c.ackTimer.Reset(ackIdle)
	}
	if c.waits && c.recv.waiting() <= maxWaiting/2 {
		c.unparked.Signal()
	}
}

// ackIsIdle runs when the ACK timer fires.
func (c *Conn) ackIsIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ackArmed = false
	c.ackNow = true
	c.link.nudge()
}

func (c *Conn) readError() error {
	var closed *CloseError
	if errors.As(c.err, &closed) && closed.Code == CloseNormal {
		return io.EOF
	}
	return c.opError("read", c.err)
}

// Write takes p for sending. It returns when all of p is queued, of which a bounded part has not left yet: an error of a later
// call may concern bytes of an earlier one.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return n, c.opError("write", net.ErrClosed)
		case c.writeBy.passed:
			return n, c.opError("write", os.ErrDeadlineExceeded)
		case c.err != nil:
			return n, c.opError("write", c.err)
		case n == len(p):
			return n, nil
		}
		if m := c.send.append(p[n:]); m > 0 {
			n += m
			c.link.nudge()
			continue
		}
		c.writable.Wait()
	}
}

// Unconfirmed is how many bytes that Write has taken the relay has not confirmed yet. Google's relay may confirm late.
func (c *Conn) Unconfirmed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(c.send.written - c.send.confirmed)
}

// Close ends the session: what Write has taken is sent, then one close frame with code 1000, and the relay's own close is
// awaited, at most for 2 s and 1 s. Callers blocked in other methods return at once with net.ErrClosed. A second Close does
// nothing but wait for the first and returns net.ErrClosed. A caller that wants to be sure that everything arrived waits for Unconfirmed to become 0 first.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		<-c.ended
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	c.readBy.stop()
	c.writeBy.stop()
	c.wakeAll()
	c.link.nudge()
	c.mu.Unlock()

	patience := time.NewTimer(drainWait)
	defer patience.Stop()
	select {
	case <-c.link.drained:
		c.link.bye(CloseNormal)
	case <-c.ended:
	case <-patience.C:
		c.link.abort()
	}
	<-c.ended
	return nil
}

// reserve implements session.
func (c *Conn) reserve(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recv.reserve(n)
}

// deliver implements session.
func (c *Conn) deliver(m wire.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Tag {
	case wire.TagData:
		c.takeData(len(m.Data))
	case wire.TagAck:
		if err := c.send.confirm(m.Ack); err != nil {
			return err
		}
		c.writable.Broadcast()
	case wire.TagConnectSuccess, wire.TagReconnectSuccess:
		return &ProtocolError{Detail: fmt.Sprintf("tag %#04x within a session", uint16(m.Tag))}
	}
	return nil
}

// takeData adds n reserved bytes and waits while the caller is too far behind. After Close nobody wants them.
func (c *Conn) takeData(n int) {
	if c.closed {
		c.recv.commit(0)
		return
	}
	c.recv.commit(n)
	c.readable.Broadcast()
	for c.recv.waiting() > maxWaiting && !c.closed {
		c.waits = true
		c.unparked.Wait()
	}
	c.waits = false
}

// fill implements session.
func (c *Conn) fill(send func([]byte) error) (n int, last bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n < batchSize {
		msg := c.send.next()
		if count, due := c.recv.ackDue(msg != nil, c.ackNow); due {
			if err := send(wire.AppendAck(c.ack[:0], count)); err != nil {
				return n, false, err
			}
			c.recv.acked = count
			n += len(c.ack)
		}
		c.ackNow = false
		if msg == nil {
			break
		}
		if err := send(msg); err != nil {
			return n, false, err
		}
		n += len(msg)
	}
	if n > 0 {
		c.writable.Broadcast()
	}
	return n, c.closed && c.send.sent == c.send.written, nil
}

// parked implements session.
func (c *Conn) parked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waits
}

// LocalAddr gives the local address of the connection to the relay.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr gives the target, an Addr.
func (c *Conn) RemoteAddr() net.Addr { return Addr{c.target} }

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "iap", Source: c.local, Addr: Addr{c.target}, Err: err}
}
