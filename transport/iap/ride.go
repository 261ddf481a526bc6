package iap

import (
	"fmt"
	"net"
	"time"

	"github.com/iapssh/iapssh/transport/iap/internal/wire"
)

// What a link asks of its session: Conn implements session here.

// maxWaiting is how much may wait for Read before the session stops reading the network, in bytes. The relay's own window is
// smaller, so only a relay that disregards it gets there.
const maxWaiting = 4 << 20

func (c *Conn) reserve(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recv.reserve(n)
}

func (c *Conn) deliver(m wire.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Tag {
	case wire.TagData:
		c.takeData(len(m.Data))
	case wire.TagAck:
		c.counts.acksIn++
		if err := c.send.confirm(m.Ack); err != nil {
			return err
		}
		c.linger.stir()
		c.writable.Broadcast()
	case wire.TagConnectSuccess, wire.TagReconnectSuccess:
		return &ProtocolError{Detail: fmt.Sprintf("tag %#04x within a session", uint16(m.Tag))}
	}
	return nil
}

// takeData adds n reserved bytes and waits while the caller is too far behind. After Close nobody wants them.
func (c *Conn) takeData(n int) {
	c.counts.framesIn++
	if c.closed {
		c.recv.commit(0)
		return
	}
	c.recv.commit(n)
	c.linger.stir()
	if c.recv.waiting() > maxWaiting {
		c.readable.Broadcast()
	}
	for c.recv.waiting() > maxWaiting && !c.closed && !c.released {
		c.parked = true
		c.unparked.Wait()
	}
	c.parked = false
}

func (c *Conn) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.recv.waiting() > 0 {
		c.readable.Broadcast()
	}
}

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
			c.counts.acksOut++
			n += len(c.ack)
		}
		c.ackNow = false
		if msg == nil {
			break
		}
		if err := send(msg); err != nil {
			return n, false, err
		}
		c.counts.framesOut++
		n += len(msg)
	}
	return n, c.ending() && c.send.sent == c.send.written, nil
}

func (c *Conn) flushed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send.flushed()
	c.writable.Broadcast()
}

func (c *Conn) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
	c.unparked.Signal()
}

func (c *Conn) waits() (parked, outstanding bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parked, c.send.confirmed < c.send.written
}

// lingering is the time after CloseWrite; Conn.mu guards it.
type lingering struct {
	begun bool
	over  bool // the far side has been silent for so long that we end the session
	moved time.Time
	timer *time.Timer
}

// stir notes that the session moves.
func (l *lingering) stir() {
	if l.begun {
		l.moved = time.Now()
	}
}

func (l *lingering) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// CloseWrite says that no more will be written. The relay's protocol has no word for that: the VM is not told, and sees the end of
// the stream only when the whole session ends. So the session goes on delivering what the VM sends, and ends, with io.EOF from
// Read, when the relay ends it, or when nothing has moved either way for Dialer.Linger. Later calls of Write fail with
// net.ErrClosed.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return c.opError("close", net.ErrClosed)
	case c.linger.begun || c.err != nil:
		return nil
	}
	c.linger.begun = true
	c.linger.moved = time.Now()
	c.linger.timer = time.AfterFunc(c.lingerFor(), c.lingered)
	c.writable.Broadcast()
	return nil
}

func (c *Conn) lingerFor() time.Duration {
	if c.dialer.Linger == 0 {
		return defaultLinger
	}
	return c.dialer.Linger
}

// lingered runs when the linger timer fires. An outage is not the VM's silence.
func (c *Conn) lingered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.lingerFor() - time.Since(c.linger.moved)
	switch {
	case c.err != nil || c.closed:
	case !c.downSince.IsZero():
		c.linger.timer.Reset(c.lingerFor())
	case left > 0:
		c.linger.timer.Reset(left)
	default:
		c.linger.over = true
		c.link.nudge()
	}
}
