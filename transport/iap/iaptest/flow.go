package iaptest

import (
	"io"
	"time"
)

// The bytes of a session. Downward they go backend → down → link, and stay in down
// until the client has confirmed them; upward link → up → backend.

// awaitSpace waits for a good part of the window, so that a slow client does not
// turn the stream into crumbs.
func (s *session) awaitSpace(most int) int {
	least := min(max(s.srv.Window/4, 1), maxData)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.over == nil && s.srv.Window-s.down.len() < least {
		s.space.Wait()
	}
	if s.over != nil {
		return most
	}
	return min(most, s.srv.Window-s.down.len())
}

func (s *session) fromBackend(p []byte, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over == nil {
		s.down.append(p)
	}
	switch {
	case err == io.EOF:
		s.backendEnded(codeNormal, "")
	case err != nil:
		s.backendEnded(codeReadFailed, "destination read failed")
	}
	s.wakeLink()
	return err == nil
}

// receive takes data from a link. It waits while the buffer is full.
func (s *session) receive(l *link, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.link == l && s.over == nil && s.writable && s.up.len() > 0 && s.up.len()+len(p) > s.srv.ReceiveBuffer {
		s.room.Wait()
	}
	if s.link != l || s.over != nil {
		return errDetached
	}
	s.up.append(p)
	if !s.writable {
		s.up.discard(s.up.end)
	}
	s.work.Signal()
	return nil
}

// acknowledge takes an ACK from a link.
func (s *session) acknowledge(l *link, n uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.link != l || s.over != nil:
		return errDetached
	case n > s.sent+s.excess:
		return misusef(AckBeyondSent, codeBadAck, "%d, sent %d", n, s.sent)
	case n < s.down.start:
		return misusef(AckBackward, codeInvalidAck, "%d after %d", n, s.down.start)
	case n == s.down.start:
		return misusef(AckRepeated, 0, "%d", n)
	}
	s.confirm(min(n, s.sent))
	return nil
}

// confirm forgets what the client has. The caller holds mu.
func (s *session) confirm(n uint64) {
	s.down.discard(n)
	s.space.Signal()
	if s.ending != nil {
		s.wakeLink()
	}
}

// output appends frames for the link: an ACK if one is due, data, and when all
// is said the close. wait is when to ask again if nothing else happens, 0 for never.
func (s *session) output(l *link, out []byte, acksFrom time.Time) (_ []byte, wait time.Duration, end *closing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l || s.over != nil {
		return out, 0, nil
	}
	out, wait = s.outputAck(out, acksFrom)
	for full := len(out) + batch; len(out) < full; {
		n := l.dataSize(min(int64(s.down.end-s.next), l.outgoing.room()))
		if n == 0 {
			break
		}
		out = l.appendData(out, &s.down, s.next, n)
		l.outgoing.n += int64(n)
		l.event(Relay, Data, int64(n), "")
		s.resent += min(s.sent, s.next+uint64(n)) - min(s.sent, s.next)
		s.next += uint64(n)
		s.sent = max(s.sent, s.next)
	}
	if s.ending == nil || s.next < s.down.end {
		return out, wait, nil
	}
	return s.outputEnd(out, wait)
}

func (s *session) outputAck(out []byte, from time.Time) ([]byte, time.Duration) {
	due := s.ackDue()
	if due == 0 || !s.writable {
		return out, 0
	}
	if due < uint64(s.srv.AckEvery) && s.ackAt.After(from) {
		from = s.ackAt
	}
	if !from.IsZero() {
		if wait := time.Until(from); wait > 0 {
			return out, wait
		}
	}
	s.ackedUp = s.up.start
	s.link.event(Relay, Ack, int64(s.ackedUp), "")
	return appendAck(out, tagAck, s.ackedUp), 0
}

// outputEnd decides when the backend's end is told: when the client has
// confirmed everything, or has had time to. It loses nothing by not confirming,
// for until it answers the close the session can be resumed.
func (s *session) outputEnd(out []byte, wait time.Duration) ([]byte, time.Duration, *closing) {
	if s.endAt.IsZero() {
		s.endAt = time.Now().Add(confirmTimeout)
	}
	left := time.Until(s.endAt)
	if s.down.len() == 0 || left <= 0 {
		return out, 0, s.ending
	}
	if wait == 0 || left < wait {
		wait = left
	}
	return out, wait, nil
}

// delivered notes that the backend took n bytes.
func (s *session) delivered(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.ackDue()
	s.up.discard(s.up.start + uint64(n))
	s.room.Broadcast()
	if s.over != nil {
		s.drainSoon()
	}
	switch due := s.ackDue(); {
	case err != nil:
		s.writable = false
		s.backendEnded(codeWriteFailed, "destination write failed")
		s.wakeLink()
	case before == 0 && due > 0:
		s.ackAt = time.Now().Add(s.srv.AckDelay)
		s.wakeLink()
	case due >= uint64(s.srv.AckEvery):
		s.wakeLink()
	}
}

// ackDue is how much the backend has taken that the client does not know of. The
// caller holds mu.
func (s *session) ackDue() uint64 { return s.up.start - min(s.up.start, s.ackedUp) }
