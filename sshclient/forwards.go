package sshclient

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
)

// Forwards are the forwards of one client, and the connections over them. Its
// methods may be called from several goroutines. Each address that is listened on has a
// goroutine, listener.accept; each connection has three, see splice. All end with the
// client, and are joined by its Close.
type Forwards struct {
	client  *Client
	options ForwardOptions
	buffers sync.Pool       // of *[]byte, lent to connections in a hurry
	life    context.Context // ends with the connection to the server
	end     context.CancelFunc

	mu    sync.Mutex
	ended bool           // guarded by mu; nothing is added any more
	open  []*openForward // guarded by mu; in the order of opening
	conns []*splice      // guarded by mu; the index is the number, nil where it is free
	idle  chan struct{}  // guarded by mu; closed when the last connection ends, nil while nobody waits

	asked   int       // guarded by mu; requests to listen that the server has not answered
	answers sync.Cond // on mu; asked has changed

	complaints complaints // guarded by mu
}

// openForward is what keeps a forward open.
type openForward struct {
	OpenForward
	listeners []*listener
}

func newForwards(client *Client, options ForwardOptions) *Forwards {
	f := &Forwards{client: client, options: options}
	f.buffers.New, f.answers.L = newBulkBuffer, &f.mu
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// Forwards returns the client's forwards.
func (c *Client) Forwards() *Forwards { return c.forwards }

// Open opens a forward, and returns where it listens. ctx bounds that. The error is
// a *[ListenError] for the local kinds and ErrRefused for the remote ones, ErrDegraded,
// ErrClosed, the context's, or why the connection to the server ended.
func (f *Forwards) Open(ctx context.Context, forward Forward) (Endpoint, error) {
	if f.client.verdict.Degraded {
		return Endpoint{}, ErrDegraded
	}
	if forward.Kind.remote() {
		return f.openRemote(ctx, forward)
	}
	o := &openForward{OpenForward: OpenForward{Forward: forward}}
	if err := f.listen(ctx, o); err != nil {
		return Endpoint{}, err
	}
	if !f.add(o) {
		f.release(o)
		return Endpoint{}, ErrClosed
	}
	return o.Bound, nil
}

// add lists a forward and starts its goroutines, unless all is over.
func (f *Forwards) add(o *openForward) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return false
	}
	for _, l := range o.listeners {
		if !f.client.begin() {
			return false
		}
		go l.accept()
	}
	f.open = append(f.open, o)
	return true
}

// Cancel closes the forward of that kind that was asked to listen there, or does; Connect
// does not matter. Connections that it has made go on. The error is ErrNotOpen; a remote
// forward is closed whether or not the server has heard of it when ctx ends.
func (f *Forwards) Cancel(ctx context.Context, forward Forward) error {
	o := f.remove(forward)
	if o == nil {
		return ErrNotOpen
	}
	if o.Kind.remote() {
		f.closeRemote(ctx, o)
	}
	o.close()
	return nil
}

func (f *Forwards) remove(forward Forward) *openForward {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, o := range f.open {
		if o.Kind == forward.Kind && (o.Listen == forward.Listen || o.Bound == forward.Listen) {
			f.open = slices.Delete(f.open, i, i+1)
			return o
		}
	}
	return nil
}

// List returns the forwards that are open, in the order of opening.
func (f *Forwards) List() []OpenForward {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []OpenForward
	for _, o := range f.open {
		all = append(all, o.OpenForward)
	}
	return all
}

// Connections names the connections that are open over all forwards, each in a line in
// ssh's words.
func (f *Forwards) Connections() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, s := range f.conns {
		if s != nil {
			lines = append(lines, visibleLine(fmt.Sprintf("#%d %s", s.number, s.name), 512))
		}
	}
	return lines
}

// enter lists a connection under a free number, as ssh numbers its channels; session is
// 0. It returns false when all is over.
func (f *Forwards) enter(s *splice) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return false
	}
	i := slices.Index(f.conns, nil)
	if i < 0 {
		i = len(f.conns)
		f.conns = append(f.conns, nil)
	}
	f.conns[i], s.number = s, i+1
	return true
}

// leave ends a connection, and frees its number.
func (f *Forwards) leave(s *splice) {
	s.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns[s.number-1] = nil
	if f.idle != nil && f.connections() == 0 {
		close(f.idle)
		f.idle = nil
	}
}

// connections counts those that are open, under mu.
func (f *Forwards) connections() int {
	n := 0
	for _, s := range f.conns {
		if s != nil {
			n++
		}
	}
	return n
}

// Drain waits until no connection is open over any forward, as ssh does before it ends,
// or until ctx ends.
func (f *Forwards) Drain(ctx context.Context) error {
	f.mu.Lock()
	if f.connections() == 0 {
		f.mu.Unlock()
		return nil
	}
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	idle := f.idle
	f.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rename names a connection that has said where it goes.
func (f *Forwards) rename(s *splice, conn net.Conn, port int, to Endpoint) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.describe(conn, port, to)
}

// close ends everything: the connection to the server has ended.
func (f *Forwards) close() {
	f.end()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for _, o := range f.open {
		f.release(o)
	}
	f.open = nil
	for _, s := range f.conns {
		if s != nil {
			s.abort()
		}
	}
}
