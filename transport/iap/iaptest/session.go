package iaptest

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// batch bounds how much data the relay writes to a link at once.
const batch = 4 * maxData

var errDetached = errors.New("iaptest: link no longer carries the session")

// session is one connection to a backend and what a client may still ask of it.
// It outlives its link by Server.Retention.
//
// Its goroutines are run and readBackend. The reader and the writer of the link
// call its methods.
type session struct {
	srv     *Server
	number  int
	sid     string
	target  Target
	backend net.Conn

	mu    sync.Mutex
	space sync.Cond // of down, awaited by readBackend
	work  sync.Cond // in up, or the end; awaited by run
	room  sync.Cond // in up, awaited by the reader of the link

	// guarded by mu
	link      *link         // nil while detached
	detached  chan struct{} // closed when link becomes nil
	links     int
	retention *time.Timer // runs while detached
	excused   bool        // the last link was cut by the server
	lastLink  int         // its number

	down   ring   // from the backend; starts at what the client has confirmed
	next   uint64 // the next byte of down for the link
	sent   uint64 // the highest next there has been
	resent uint64
	excess uint64 // that a fault has sent besides

	up      ring      // from the client; starts at what the backend has taken
	ackedUp uint64    // the last count told to the client
	ackAt   time.Time // when a count below AckEvery is due

	ending   *closing  // set once the backend has ended; sent when down is
	endAt    time.Time // when not to wait any longer for the last ACK; zero until all is sent
	writable bool      // the backend still takes data
	over     *closing  // set once nothing can resume the session
}

func newSession(srv *Server, number int, sid string, l *link, backend net.Conn) *session {
	s := &session{
		srv: srv, number: number, sid: sid, target: l.req.target, backend: backend,
		link: l, links: 1, detached: make(chan struct{}), writable: true,
	}
	s.space.L, s.work.L, s.room.L = &s.mu, &s.mu, &s.mu
	return s
}

// run is the life of the session: it writes to the backend what the client
// sends, and once the session is over and all is written it closes the backend.
func (s *session) run() {
	var reader sync.WaitGroup
	reader.Go(s.readBackend)
	for {
		p := s.awaitWork()
		if p == nil {
			break
		}
		n, err := s.backend.Write(p)
		s.delivered(n, err)
	}
	closeBackend(s.backend)
	reader.Wait()
	s.srv.bury(s)
}

// awaitWork returns the next bytes for the backend, or nil when the session is over.
func (s *session) awaitWork() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.writable && s.up.len() > 0 {
			return s.up.peek(s.up.start, 2*maxData) // little, so that a slow backend has its ACKs
		}
		if s.over != nil {
			return nil
		}
		s.work.Wait()
	}
}

// readBackend reads from the backend as the window allows. When the session is
// over it goes on reading, so that a backend which is blocked writing comes to
// read what the client sent last.
func (s *session) readBackend() {
	buf := make([]byte, batch)
	for {
		n, err := s.backend.Read(buf[:s.awaitSpace(len(buf))])
		if !s.fromBackend(buf[:n], err) {
			return
		}
	}
}

// backendEnded notes why; the first reason stays. The caller holds mu.
func (s *session) backendEnded(code int, reason string) {
	if s.ending == nil {
		s.ending = &closing{code: code, reason: reason}
	}
}

func (s *session) wakeLink() {
	if s.link != nil {
		s.link.poke()
	}
}

// resume gives the session to another link, which has received ack bytes. It
// returns the count for the success frame, or why not.
func (s *session) resume(ctx context.Context, l *link, ack uint64) (received uint64, refused *closing) {
	s.awaitDetached(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over != nil:
		return 0, &closing{code: codeUnknownSID, reason: "unknown session"}
	case s.link != nil:
		return 0, &closing{code: codeSIDInUse, reason: "session in use"}
	case ack > s.sent+s.excess:
		return 0, s.noRewind(l, AckBeyondSent)
	case ack < s.down.start:
		return 0, s.noRewind(l, AckBackward)
	}
	s.retention.Stop()
	s.link, s.detached = l, make(chan struct{})
	s.links++
	s.confirm(min(ack, s.sent))
	s.next, s.endAt = s.down.start, time.Time{}
	s.ackedUp = s.up.end
	return s.up.end, nil
}

func (s *session) noRewind(l *link, kind ViolationKind) *closing {
	l.violation(misusef(kind, 0, "resume"))
	s.finish(&closing{code: codeNoRewind, reason: "failed to rewind"})
	return s.over
}

// awaitDetached waits a little for the old link to be noticed as lost: the
// client may have closed it only just before it resumes.
func (s *session) awaitDetached(ctx context.Context) {
	s.mu.Lock()
	detached := s.detached
	s.mu.Unlock()
	t := time.NewTimer(releaseTimeout)
	defer t.Stop()
	select {
	case <-detached:
	case <-t.C:
	case <-ctx.Done():
	}
}

// detach takes the session from a link that was lost. excused says that the
// client is not to blame.
func (s *session) detach(l *link, excused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l {
		return
	}
	s.link, s.lastLink, s.excused = nil, l.id, excused
	close(s.detached)
	s.room.Broadcast()
	if s.over == nil {
		links := s.links
		s.retention = time.AfterFunc(s.srv.Retention, func() { s.expire(links) })
	}
}

// expire ends a session that was not resumed in time; links tells a later
// detachment from the one that started the timer.
func (s *session) expire(links int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link == nil && s.links == links {
		s.abandon()
		s.finish(&closing{code: 1006, reason: "not resumed"})
	}
}

// abort is the end of a session when its server closes: one that is over already
// may finish, the others lose what is under way.
func (s *session) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return
	}
	s.abandon()
	s.writable = false
	s.finish(&closing{code: 1001, reason: "relay closed"})
	s.backend.SetDeadline(time.Now())
}

// abandon books the violation that unresumed reports for good. The caller holds mu.
func (s *session) abandon() {
	if s.unresumed() {
		s.srv.books.violation(s.noClose())
	}
}

// unresumed says that the client has left without a close frame and not come
// back. The caller holds mu.
func (s *session) unresumed() bool { return s.link == nil && s.over == nil && !s.excused }

func (s *session) noClose() Violation {
	return Violation{Time: time.Now(), Link: s.lastLink, SID: s.sid, Kind: NoClose, Detail: "and not resumed"}
}

// abandoned is the violation of a session that may still be resumed.
func (s *session) abandoned() (Violation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noClose(), s.unresumed()
}

// end makes the session impossible to resume. What the client has sent still
// goes to the backend, for a bounded time.
func (s *session) end(c *closing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(c)
}

// finish is end for those who hold mu.
func (s *session) finish(c *closing) {
	if s.over != nil {
		return
	}
	s.over = c
	s.down.discard(s.down.end)
	s.drainSoon()
	if s.retention != nil {
		s.retention.Stop()
	}
	s.space.Broadcast()
	s.work.Broadcast()
	s.room.Broadcast()
}

// drainSoon bounds how long a backend may take none of what is left for it.
func (s *session) drainSoon() { s.backend.SetWriteDeadline(time.Now().Add(drainTimeout)) }

// confirmed says that the client has all there ever was.
func (s *session) confirmed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over != nil || s.down.len() == 0
}

func (s *session) info() SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := SessionInfo{
		SID: s.sid, Target: s.target,
		Links: s.links, Received: s.up.end, Delivered: s.up.start, AckedUp: s.ackedUp,
		Sent: s.sent, Acked: s.down.start, Resent: s.resent, State: Attached,
	}
	switch {
	case s.over != nil:
		info.State, info.Code, info.Reason = Ended, s.over.code, s.over.reason
	case s.link == nil:
		info.State = Detached
	}
	return info
}
