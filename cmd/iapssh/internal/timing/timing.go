// Package timing keeps the phases of a connect, and draws them below each other as a waterfall.
//
//	timing.go  Record, to which phases are added as they end; Chain, of phases that follow each other
//	draw.go    the picture
package timing

import (
	"sync"
	"time"
)

// Record is the phases of one connect. It may be used by several goroutines; nil, it keeps nothing.
type Record struct {
	began time.Time

	mu    sync.Mutex
	spans []Span // guarded by mu
}

// Span is one phase, in time since the record began.
type Span struct {
	Name       string
	Begin, End time.Duration
	Failed     bool // the connect went no further this way
}

// New begins a record.
func New() *Record { return &Record{began: time.Now()} }

// Add keeps a phase that is over.
func (r *Record) Add(name string, began, ended time.Time, failed bool) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, Span{Name: name, Begin: began.Sub(r.began), End: ended.Sub(r.began), Failed: failed})
}

// Spans gives the phases in the order in which they were added.
func (r *Record) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Span(nil), r.spans...)
}

// Chain adds phases of which each begins where the one before ends. Its steps may be told by several goroutines, in order.
type Chain struct {
	record *Record

	mu    sync.Mutex
	names []string  // guarded by mu; of the phases still to come
	last  time.Time // guarded by mu; when the phase in progress began
}

// Chain begins the first of the named phases. That of a nil Record keeps nothing.
func (r *Record) Chain(names ...string) *Chain {
	return &Chain{record: r, names: names, last: time.Now()}
}

// Done ends the phase of that name, and begins the next; one that is not in progress is left alone.
func (c *Chain) Done(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names) > 0 && c.names[0] == name {
		c.end(name, false)
	}
}

// Stop ends the chain: the phase in progress, if there is one, has failed, or was not needed.
func (c *Chain) Stop(failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names) > 0 && failed {
		c.end(c.names[0], true)
	}
	c.names = nil
}

// end requires c.mu.
func (c *Chain) end(name string, failed bool) {
	now := time.Now()
	c.record.Add(name, c.last, now, failed)
	c.names, c.last = c.names[1:], now
}
