package iaptest

import (
	"context"
	"fmt"
	"net"
	"time"
)

// write opens the session and then sends what there is to send, to the end.
func (l *link) write() {
	if err := l.open(); err != nil {
		l.raw.Close()
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for l.speaks() {
		wait, last := l.gather()
		if len(l.out) > 0 {
			if _, err := l.conn.Write(l.out); err != nil {
				l.raw.Close()
				return
			}
			if last {
				l.closeSent()
				return
			}
			l.strikeDue(l.outgoing.due())
			continue
		}
		var alarm <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			alarm = timer.C
		}
		select {
		case <-l.poked:
		case <-alarm:
		case <-l.done:
			return
		}
	}
}

// gather fills out with what is to be sent now; last says that it ends in a
// close frame. Otherwise see session.output for wait.
func (l *link) gather() (wait time.Duration, last bool) {
	l.out = l.out[:0]
	l.mu.Lock()
	if l.deeds.cut {
		l.mu.Unlock()
		return 0, false
	}
	if l.ponging {
		l.ponging = false
		l.out = appendControl(l.out, opPong, l.pong)
	}
	l.out = append(l.out, l.deeds.says...)
	l.deeds.says = nil
	l.shape.add(&l.deeds.shape)
	want, acksFrom := l.want, l.deeds.acksFrom
	l.mu.Unlock()

	if s := l.session.Load(); s != nil && want == nil {
		l.out, wait, want = s.output(l, l.out, acksFrom)
	}
	if want == nil {
		return wait, false
	}
	want = l.close(want)
	l.mu.Lock()
	l.sent = true
	l.mu.Unlock()
	l.event(Relay, Closed, int64(want.code), want.reason)
	l.out = appendClose(l.out, want.code, want.reason)
	return 0, true
}

// closeSent waits no longer than it must for the client's close frame. A client
// that has not confirmed all data may come to read it at any time.
func (l *link) closeSent() {
	s := l.session.Load()
	switch {
	case l.closeState().got:
		l.finish()
	case s == nil || s.confirmed():
		l.raw.SetReadDeadline(time.Now().Add(closeTimeout))
	}
}

// open decides what the client gets: a session or a close frame.
func (l *link) open() error {
	if !l.await((*link).successAt) {
		return net.ErrClosed
	}
	if refused := l.admit(); refused != nil {
		l.close(refused)
		return nil
	}
	l.mu.Lock()
	l.out = append(l.deeds.says, l.out...) // these come before success
	l.deeds.says = nil
	l.mu.Unlock()
	if _, err := l.conn.Write(l.out); err != nil {
		return err
	}
	l.strikeDue(l.outgoing.due())
	return nil
}

// admit leaves the success frame in out, or says why there is none.
func (l *link) admit() (refused *closing) {
	if want := l.wanted(); want != nil {
		return want
	}
	switch ok, stale := l.srv.authorized(l.req.token); {
	case stale && l.req.resume:
		return expired
	case stale || !ok:
		return &closing{code: codeDenied, reason: "not authorized"}
	case l.req.resume:
		return l.resume()
	}
	return l.connect()
}

// connect opens a session, with its success frame in out.
func (l *link) connect() *closing {
	dial, refused := l.srv.lookup(l.req.target)
	if refused != nil {
		return refused
	}
	ctx, cancel := context.WithTimeout(l.dialing, dialTimeout)
	defer cancel()
	backend, err := dial(ctx)
	if err != nil {
		return &closing{code: codeNoBackend, reason: "failed to connect to backend"}
	}
	s := l.srv.addSession(l, backend)
	if s == nil {
		closeBackend(backend)
		return &closing{code: 1013, reason: "too many sessions"}
	}
	l.session.Store(s)
	l.settle(s)
	l.event(Relay, Connected, 0, "")
	l.out = l.success(s, 0)
	return nil
}

// settle ends a session whose client closed before it could know of it.
func (l *link) settle(s *session) {
	if want := l.wanted(); want != nil && !want.resumable {
		s.end(want)
	}
}

// wanted is the close frame that is to be sent, or was.
func (l *link) wanted() *closing {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.want
}

// success forms the frame that opens the link, or the wrong one.
func (l *link) success(s *session, received uint64) []byte {
	l.mu.Lock()
	wrong, offset := l.deeds.success.wrong, l.deeds.success.offset
	l.mu.Unlock()
	if l.req.resume == wrong {
		return appendSID(l.out[:0], s.sid)
	}
	return appendAck(l.out[:0], tagReconnectAck, received+uint64(offset))
}

// resume takes over a session, with its success frame in out.
func (l *link) resume() *closing {
	s := l.srv.session(l.req.sid)
	if s == nil {
		return &closing{code: codeUnknownSID, reason: "unknown session"}
	}
	if l.req.place != s.target.place() {
		l.violation(&misuse{kind: BadParameter, detail: fmt.Sprintf("resumed at %+v, begun at %+v", l.req.place, s.target.place())})
		return &closing{code: codeUnknownSID, reason: "unknown session"}
	}
	received, refused := s.resume(l.dialing, l, l.req.ack)
	if refused != nil {
		return refused
	}
	l.session.Store(s)
	l.settle(s)
	l.event(Relay, Resumed, int64(received), "")
	l.out = l.success(s, received)
	return nil
}
