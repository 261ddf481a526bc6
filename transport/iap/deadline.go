package iap

import (
	"net"
	"time"
)

// deadline is one of a Conn's two; Conn.mu guards it.
type deadline struct {
	passed bool
	timer  *time.Timer
	set    int // counts settings, so that a timer which lost the race against a new one does nothing
}

func (d *deadline) stop() {
	d.set++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readBy, &c.writeBy)
}

// SetReadDeadline bounds present and future Read calls; the zero time means none.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.readBy)
}

// SetWriteDeadline bounds present and future Write calls; the zero time means none. A Write that it interrupts says how much
// of its bytes was taken.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadlines(t, &c.writeBy)
}

func (c *Conn) setDeadlines(t time.Time, which ...*deadline) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	for _, d := range which {
		d.stop()
		d.passed = !t.IsZero() && !t.After(time.Now())
		if !t.IsZero() && !d.passed {
			set := d.set
			d.timer = time.AfterFunc(time.Until(t), func() { c.expire(d, set) })
		}
	}
	c.readable.Broadcast()
	c.writable.Broadcast()
	return nil
}

// expire runs when a deadline's timer fires.
func (c *Conn) expire(d *deadline, set int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.set == set {
		d.passed = true
		c.readable.Broadcast()
		c.writable.Broadcast()
	}
}
