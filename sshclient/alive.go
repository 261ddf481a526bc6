package sshclient

import (
	"time"
)

// LinkState may be implemented by the net.Conn given to Handshake, when its
// connection outlives the link below it. While the link is down, being resumed,
// the silence is not the server's and is not counted against it.
type LinkState interface {
	// LinkDown returns since when the link has been down, or false when it is up.
	LinkDown() (since time.Time, down bool)
}

// keepaliveRequest is the global request that OpenSSH asks for a sign of life
// with; servers refuse it, which is the sign.
const keepaliveRequest = "keepalive@openssh.com"

// aliveness is the count behind ServerAliveInterval and ServerAliveCountMax: a
// question after each interval of silence, and the end when max of them are
// unanswered and another interval has passed. Whatever arrives is an answer.
type aliveness struct {
	interval time.Duration
	max      int
	sent     int       // questions since something last arrived
	asked    time.Time // when the latest was sent
}

// aliveStep is what to do at a tick, and after how long the next one is due.
type aliveStep struct {
	ask, dead bool
	next      time.Duration
}

// tick judges a server that was last heard at the given time, over a link that is
// up or down.
func (a *aliveness) tick(now, heard time.Time, linkDown bool) aliveStep {
	if linkDown {
		a.sent = 0
		return aliveStep{next: a.interval}
	}
	if !heard.Before(a.asked) {
		a.sent = 0
	}
	silent := now.Sub(heard)
	switch {
	case a.sent == 0 && silent < a.interval:
		return aliveStep{next: a.interval - silent}
	case a.sent >= a.max:
		return aliveStep{dead: true}
	default:
		a.sent++
		a.asked = now
		return aliveStep{ask: true, next: a.interval}
	}
}

// watchServer ends the connection when the server stops answering. It never
// writes: a write may block for as long as the link is down.
func (c *Client) watchServer(a aliveness) {
	defer c.work.Done()
	timer := time.NewTimer(a.interval)
	defer timer.Stop()
	for {
		select {
		case <-c.done:
			return
		case now := <-timer.C:
			heard := c.wire.heard()
			step := a.tick(now, heard, c.linkDown())
			if step.dead {
				c.fail(ErrServerSilent)
				return
			}
			if step.ask {
				c.ask()
			}
			timer.Reset(step.next)
		}
	}
}

// ask wakes askServer unless a question is already waiting for its answer: the
// transport is reliable, a second one would say no more.
func (c *Client) ask() {
	select {
	case c.asks <- struct{}{}:
	default:
	}
}

// askServer sends the questions. The answer itself is not looked at: that
// something arrived is seen by the wire.
func (c *Client) askServer() {
	defer c.work.Done()
	for {
		select {
		case <-c.done:
			return
		case <-c.asks:
			if _, err := c.signOfLife(); err != nil {
				return
			}
		}
	}
}

// Ping asks the server for a sign of life, and returns how long that took. It waits for
// as long as the connection lives.
func (c *Client) Ping() (time.Duration, error) {
	start := time.Now()
	came, err := c.signOfLife()
	if err != nil {
		return 0, err
	}
	return came.Sub(start), nil
}

// LinkDown returns since when the link below the connection has been down, or false
// when it is up or nothing is known of it. Of a joined connection it is what the
// holder tells.
func (c *Client) LinkDown() (since time.Time, down bool) {
	if c.joined {
		return c.told.get()
	}
	link, ok := c.wire.Conn.(LinkState)
	if !ok {
		return time.Time{}, false
	}
	return link.LinkDown()
}

func (c *Client) linkDown() bool {
	_, down := c.LinkDown()
	return down
}
