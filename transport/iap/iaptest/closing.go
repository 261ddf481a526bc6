package iaptest

import (
	"net"
	"time"
)

// closing is a close code with its reason.
type closing struct {
	code      int
	reason    string
	resumable bool // the session outlives it
}

var expired = &closing{code: codeExpired, reason: "reauthentication required", resumable: true}

// fail answers what a client should not have done. Most ends the session.
func (l *link) fail(m *misuse) {
	l.violation(m)
	if m.code == 0 {
		return
	}
	c := &closing{code: m.code, reason: string(m.kind)}
	if s := l.session.Load(); s != nil {
		s.end(c)
	}
	l.closeSoon(c)
}

// closeSoon is close for a client that may not read what it is sent.
func (l *link) closeSoon(c *closing) {
	l.raw.SetWriteDeadline(time.Now().Add(drainTimeout))
	l.close(c)
}

// close leaves a close frame to the writer, unless there is one already, and
// returns the one that stays.
func (l *link) close(c *closing) *closing {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.want == nil {
		l.want = c
	}
	l.cancel()
	l.poke()
	return l.want
}

// clientCloses takes the client's close frame, its first or its answer to ours.
func (l *link) clientCloses(payload []byte) error {
	code, reason, err := parseClose(payload)
	if err != nil {
		return err
	}
	l.event(Client, Closed, int64(code), reason)
	l.mu.Lock()
	l.got = true
	answered, ours := l.sent, l.want
	l.mu.Unlock()
	c := &closing{code: code, reason: reason}
	if answered {
		c = ours
	}
	if s := l.session.Load(); s != nil {
		if answered && ours.resumable {
			s.detach(l, true)
		} else {
			s.end(c)
		}
	}
	if answered {
		l.finish()
		return nil
	}
	l.closeSoon(&closing{code: code})
	return nil
}

// closeState is how far the end of a link has come.
type closeState struct {
	sent, got   bool // close frames
	struck, cut bool // by a fault
}

func (l *link) closeState() closeState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return closeState{l.sent, l.got, l.deeds.struck, l.deeds.cut}
}

// finish ends our side of the connection once both close frames have passed. The
// reader goes on for a little while: what comes now is a violation.
func (l *link) finish() { l.hangUp.Do(l.fin) }

func (l *link) fin() {
	l.raw.SetReadDeadline(time.Now().Add(closeTimeout))
	l.conn.CloseWrite()
	closeWrite(l.raw)
}

// closeWrite sends FIN.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// gone judges the end of the link.
func (l *link) gone(err error) {
	l.event(Client, Gone, 0, err.Error())
	s, state := l.session.Load(), l.closeState()
	excused := l.srv.isClosed() || state.struck
	if state.sent && !state.got && !excused {
		l.violation(misusef(NoCloseEcho, 0, ""))
		excused = true
	}
	if s != nil {
		s.detach(l, excused)
	}
}
