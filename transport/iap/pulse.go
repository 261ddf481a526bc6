package iap

import (
	"context"
	"time"
)

// Liveness of a link. A WebSocket ping goes out after some silence, which also keeps middleboxes from forgetting the connection,
// and an answer is due within pongWait. Whether Google's relay answers pings is not known from any document, so only a relay that
// has answered one is held to it. A stalled peer is not a dead one: while our reader is parked, or a write is blocked, nothing is
// judged, and TCP's own timers decide. Neither excuses a relay that stops halfway through a message, which waits for nobody: that
// link is dead whether pings are answered or not.
const (
	// idleSilence is how long a link with nothing outstanding may be silent before it is asked; with pongWait, a dead one is
	// noticed in 25 s.
	idleSilence = 15 * time.Second
	// busySilence is the same for a link that owes us the confirmation of something: 15 s.
	busySilence = 5 * time.Second
	pongWait    = 10 * time.Second
	// stuckWait is how long a message may be partway there without another byte.
	stuckWait = time.Minute
	// wallJump is how much further the wall clock has gone than the monotonic one when the machine must have slept.
	wallJump = 5 * time.Second
)

// vitals is what is known of a link at one moment.
type vitals struct {
	silence     time.Duration // since the last message or pong
	outstanding bool          // bytes wait for the relay's confirmation
	answering   bool          // the relay has answered a ping of this session
	parked      bool          // the reader waits for the caller, so a pong could not be seen
	writing     bool          // the writer is blocked, so a ping may not have left
	slept       bool          // the machine has slept since the last look
	stuck       time.Duration // for how long a message is partway there without another byte
}

// pingIn says how long to wait before the next ping; 0 is now.
func (v vitals) pingIn() time.Duration {
	switch {
	case v.parked || v.writing:
		return busySilence
	case v.slept:
		return 0
	case v.outstanding:
		return max(0, busySilence-v.silence)
	}
	return max(0, idleSilence-v.silence)
}

// dead judges a link whose ping has gone unanswered for pongWait.
func (v vitals) dead() bool {
	return v.answering && !v.parked && !v.writing && v.silence >= pongWait
}

// pulse pings until the link ends, and ends it if it is dead. It also says goodbye, when the session has sent its last.
func (l *link) pulse(s session) {
	looked := time.Now()
	timer := time.NewTimer(busySilence)
	defer timer.Stop()
	for {
		select {
		case <-l.ended:
			return
		case <-l.drained:
			l.bye(CloseNormal)
			return
		case unanswered := <-l.pinged:
			if unanswered && l.vitals(s, looked).dead() {
				l.lose(s, errSilent)
				return
			}
			l.pinging = false
		case <-timer.C:
			v := l.vitals(s, looked)
			if v.stuck >= stuckWait {
				l.lose(s, errStuck)
				return
			}
			if !l.pinging && v.pingIn() == 0 {
				l.pinging = true
				l.tasks.Go(l.ping)
			}
		}
		looked = time.Now()
		// Something may become outstanding at any time, so a look is due at least every busySilence.
		timer.Reset(min(busySilence, max(time.Second, l.vitals(s, looked).pingIn())))
	}
}

// lose gives the link up as dead.
func (l *link) lose(s session, err error) {
	l.breakWith(err)
	s.release()
	l.abort()
}

// ping asks, and tells pulse whether it stayed unanswered.
func (l *link) ping() {
	ctx, cancel := context.WithTimeout(context.Background(), pongWait)
	defer cancel()
	began := time.Now()
	err := l.ws.Ping(ctx)
	if err == nil {
		l.answered(time.Since(began))
	}
	select {
	case l.pinged <- err != nil:
	case <-l.ended:
	}
}

// answered notes a pong.
func (l *link) answered(rtt time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
	l.answering = true
	l.rtt = rtt
}

func (l *link) vitals(s session, looked time.Time) vitals {
	parked, outstanding := s.waits()
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	wall := now.Round(0).Sub(looked.Round(0)) // Round strips the monotonic reading
	v := vitals{
		silence: now.Sub(l.heard), outstanding: outstanding, answering: l.answering,
		parked: parked, writing: l.writing, slept: wall-now.Sub(looked) > wallJump,
	}
	if l.partway {
		v.stuck = now.Sub(l.moved)
	}
	return v
}

// hasAnswered says whether the relay is known to answer pings.
func (l *link) hasAnswered() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answering
}

// lastRTT is the round trip of the last ping.
func (l *link) lastRTT() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rtt
}

func (l *link) setWriting(writing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = writing
}

// begin notes that a message has begun.
func (l *link) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partway, l.moved = true, time.Now()
}

// move notes that bytes have come, of whatever.
func (l *link) move() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved = time.Now()
}

// hear notes that a message is whole.
func (l *link) hear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partway, l.heard = false, time.Now()
}
