package iap

import (
	"context"
	"time"
)

// Liveness of a link. A WebSocket ping goes out after pingAfter of silence, which also keeps middleboxes from forgetting the
// connection; an answer is due within pongWait. Whether Google's relay answers pings is not known from any document, so only a
// relay that has answered one is held to it. A stalled peer is not a dead one: while our reader is parked, or a write is
// blocked, nothing is judged, and TCP's own timers decide.
const (
	pingAfter = 15 * time.Second
	pongWait  = 10 * time.Second
)

// vitals is what is known of a link at one moment.
type vitals struct {
	silence   time.Duration // since the last message or pong
	answering bool          // the relay has answered a ping on this link
	parked    bool          // the reader waits for the caller, so a pong could not be seen
	writing   bool          // the writer is blocked, so a ping may not have left
}

// pingIn says how long to wait before the next ping; 0 is now.
func (v vitals) pingIn() time.Duration {
	if v.parked || v.writing {
		return pingAfter
	}
	return max(0, pingAfter-v.silence)
}

// dead judges a link whose ping has gone unanswered for pongWait.
func (v vitals) dead() bool {
	return v.answering && !v.parked && !v.writing && v.silence >= pongWait
}

// pulse pings until the link ends, or ends it if it is dead.
func (l *link) pulse(s session) {
	timer := time.NewTimer(pingAfter)
	defer timer.Stop()
	for {
		select {
		case <-l.ended:
			return
		case <-timer.C:
		}
		if l.vitals(s).pingIn() == 0 && l.ping() != nil && l.vitals(s).dead() {
			l.breakWith(errSilent)
			l.abort()
			return
		}
		timer.Reset(max(time.Second, l.vitals(s).pingIn()))
	}
}

// ping waits for the answer, but not past the end of the link.
func (l *link) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), pongWait)
	defer cancel()
	err := l.ws.Ping(ctx)
	if err == nil {
		l.hear(true)
	}
	return err
}

func (l *link) vitals(s session) vitals {
	parked := s.parked()
	l.mu.Lock()
	defer l.mu.Unlock()
	return vitals{silence: time.Since(l.heard), answering: l.answering, parked: parked, writing: l.writing}
}
