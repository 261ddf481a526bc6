package main

import (
	"context"
	"sync"
	"time"
)

// clock measures one attempt to connect against ConnectTimeout. It stands still while something else than the network between
// us and the host is waited for.
type clock struct {
	limit  time.Duration // 0: none
	cancel context.CancelCauseFunc
	outer  *clock // of an attempt that this one is part of, and that stands still with it; may be nil

	mu      sync.Mutex
	started time.Time     // guarded by mu
	away    time.Duration // guarded by mu; how long it stood still
	pauses  int           // guarded by mu; how many wait now
	since   time.Time     // guarded by mu; when it stopped
	timer   *time.Timer   // guarded by mu; nil without limit
}

func startClock(limit time.Duration) *clock { return &clock{limit: limit, started: time.Now()} }

// bound gives a context that the clock ends, with context.DeadlineExceeded as its cause.
func (c *clock) bound(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
	if c.limit > 0 {
		c.timer = time.AfterFunc(c.limit, c.expire)
	}
	return ctx, c.end
}

func (c *clock) expire() { c.cancel(context.DeadlineExceeded) }

func (c *clock) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.cancel(nil)
}

// pause stops the clock, until resume.
func (c *clock) pause() {
	if c.outer != nil {
		c.outer.pause()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pauses++; c.pauses > 1 {
		return
	}
	c.since = time.Now()
	if c.timer != nil {
		c.timer.Stop()
	}
}

func (c *clock) resume() {
	if c.outer != nil {
		c.outer.resume()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pauses--; c.pauses > 0 {
		return
	}
	c.away += time.Since(c.since)
	if c.timer != nil {
		c.timer.Reset(max(0, c.limit-(time.Since(c.started)-c.away)))
	}
}

// begin is when the attempt would have begun if the clock had never stood still.
func (c *clock) begin() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started.Add(c.away)
}
