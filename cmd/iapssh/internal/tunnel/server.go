package tunnel

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Port is a local port, and how to reach what it leads to.
type Port struct {
	Listeners []net.Listener // of one port, on one or more addresses
	// Dial opens a session. It is called by many goroutines at once; what its context says holds for the dial alone.
	Dial  func(ctx context.Context) (Conn, error)
	Trace Trace
}

// Trace holds hooks, called as things happen and by many goroutines at once. Any may be nil; they must not block for long.
type Trace struct {
	// Opened is called when a client's session is there, Failed when there is none to be had, Closed at the end of one that was
	// there; err is nil for the far side's clean end, a *LocalError when the client ended it.
	Opened func(c Connection)
	Failed func(c Connection, err error)
	Closed func(c Connection, err error)
	// AcceptFailed is called when clients cannot be accepted, and will not be for the length of the pause.
	AcceptFailed func(err error, pause time.Duration)
}

// Server serves clients on local ports, each with a session of its own. Its exported fields are set before it is used. What one
// client's connection suffers is none of the others' concern, and nothing but Serve's context or idleness ends the listening.
//
// Goroutines: Serve; an accept for each listener; a guard for each probe; for each client a handle, and within it the two of a
// connection. All are gone when Serve returns.
type Server struct {
	Ports []Port
	Idle  time.Duration // how long to listen without a client; 0: for ever

	probes []*probe // by port, nil where there is none
	work   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	clients map[*connection]struct{}
	began   time.Time
	last    int // number of the last client
	closing bool
	idle    *time.Timer // runs while there is no client; nil without Idle
	past    Totals      // of clients that are gone
}

// Check opens a session for each port at once, and keeps it for the port's first client. On failure it closes all, the
// listeners too, and says which port's it was.
func (s *Server) Check(ctx context.Context) (failed int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	checks := make([]check, len(s.Ports))
	var running sync.WaitGroup
	for i := range s.Ports {
		checks[i].dial, checks[i].failed = s.Ports[i].Dial, cancel
		running.Go(func() { checks[i].run(ctx) })
	}
	running.Wait()
	s.probes = make([]*probe, len(s.Ports))
	failed = -1
	for i, c := range checks {
		if c.err == nil {
			s.probes[i] = newProbe(c.conn)
		} else if failed < 0 || errors.Is(err, context.Canceled) {
			failed, err = i, c.err // the first, and not one that was given up because of another
		}
	}
	if err != nil {
		s.Close()
	}
	return failed, err
}

// check is Check's for one port.
type check struct {
	dial   func(context.Context) (Conn, error)
	failed func() // ends the others
	conn   Conn
	err    error
}

func (c *check) run(ctx context.Context) {
	if c.conn, c.err = c.dial(ctx); c.err != nil {
		c.failed()
	}
}

// Serve accepts clients until ctx is done, or there has been none for Idle. It closes the listeners, lets what is under way
// arrive for some seconds at most, closes all that is left, and returns how many clients there were at the beginning of the end.
// If ctx has a cause of its own, as that of a signal, nothing waits then for a link that is down.
func (s *Server) Serve(ctx context.Context) (closed int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.start(ctx, cancel)
	<-ctx.Done()
	s.Close()
	open := s.close()
	s.drain(open)
	hasty := context.Cause(ctx) != context.Canceled
	for _, c := range open {
		if hasty {
			c.hurry()
		}
		s.work.Go(c.abort)
	}
	s.work.Wait()
	return len(open)
}

// Close closes the listeners of a server, whether or not it has served.
func (s *Server) Close() {
	for _, p := range s.Ports {
		closeAll(p.Listeners)
	}
	for _, p := range s.probes {
		p.drop()
	}
}

func (s *Server) start(ctx context.Context, stop func()) {
	s.mu.Lock()
	s.clients = map[*connection]struct{}{}
	s.began = time.Now()
	if s.Idle > 0 {
		s.idle = time.AfterFunc(s.Idle, func() { s.idled(stop) })
	}
	s.mu.Unlock()
	for i, p := range s.Ports {
		var kept *probe
		if s.probes != nil {
			kept = s.probes[i]
		}
		if kept != nil {
			s.work.Go(func() { kept.guard(ctx) })
		}
		for _, l := range p.Listeners {
			s.work.Go(func() { s.accept(ctx, l, p, kept) })
		}
	}
}

// idled runs when the idle timer fires.
func (s *Server) idled(stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) == 0 {
		s.closing = true
		stop()
	}
}

// close ends the taking of clients and gives those that are there.
func (s *Server) close() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	if s.idle != nil {
		s.idle.Stop()
	}
	var open []*connection
	for c := range s.clients {
		open = append(open, c)
	}
	return open
}

// drain waits while something moves.
func (s *Server) drain(open []*connection) {
	began := time.Now()
	moved := began
	var last uint64
	tick := time.NewTicker(drainQuiet / 6)
	defer tick.Stop()
	for s.Open() > 0 && !drained(time.Since(began), time.Since(moved)) {
		<-tick.C
		var now uint64
		for _, c := range open {
			now += c.moved()
		}
		if now != last {
			last, moved = now, time.Now()
		}
	}
}

// Open is how many clients there are.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

func (s *Server) accept(ctx context.Context, l net.Listener, p Port, kept *probe) {
	failures := 0
	for {
		local, err := l.Accept()
		if err == nil {
			failures = 0
			if c := s.admit(local); c != nil {
				s.work.Go(func() { s.handle(ctx, c, p, kept) })
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		failures++
		pause := acceptPause(failures)
		s.acceptFailed(p, err, pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// admit counts a client in; nil if none is wanted any more.
func (s *Server) admit(local net.Conn) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		local.Close()
		return nil
	}
	if s.idle != nil {
		s.idle.Stop()
	}
	s.last++
	c := &connection{id: s.last, local: local, began: time.Now()}
	s.clients[c] = struct{}{}
	return c
}

// handle is a client's life.
func (s *Server) handle(ctx context.Context, c *connection, p Port, kept *probe) {
	session, err := kept.take(), error(nil)
	if session == nil {
		session, err = p.Dial(ctx)
	}
	switch {
	case err != nil:
		ending := ctx.Err() != nil // already: the client's end may be that of the command beside us, and ours
		c.reset()
		s.dismiss(c, err, true)
		if !ending && p.Trace.Failed != nil {
			p.Trace.Failed(c.info(), err)
		}
		return
	case !c.attach(session):
		session.Close()
		s.dismiss(c, nil, false)
		return
	}
	if p.Trace.Opened != nil {
		p.Trace.Opened(c.info())
	}
	err = c.run()
	s.dismiss(c, err, false)
	if p.Trace.Closed != nil {
		p.Trace.Closed(c.info(), err)
	}
}

// dismiss counts a client out. refused says that it never had a session.
func (s *Server) dismiss(c *connection, err error, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	s.past.add(c, err, refused)
	if s.idle != nil && len(s.clients) == 0 && !s.closing {
		s.idle.Reset(s.Idle)
	}
}

func (s *Server) acceptFailed(p Port, err error, pause time.Duration) {
	s.mu.Lock()
	s.past.AcceptErrors++
	s.mu.Unlock()
	if p.Trace.AcceptFailed != nil {
		p.Trace.AcceptFailed(err, pause)
	}
}
