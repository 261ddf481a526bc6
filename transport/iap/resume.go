package iap

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/iapssh/iapssh/transport/iap/internal/wire"
	"github.com/iapssh/iapssh/transport/iap/proxy"
)

// What happens to typed bytes when the network goes: they stay in the ledger, Write takes more until its bounds, Read waits, and
// run tries to resume the session. The relay keeps the TCP connection to the VM meanwhile. A new link begins with the number of
// bytes each side has; what the relay has is forgotten, the rest is sent again. A session is never replaced by a new one: to the
// VM that would be another TCP connection, in the middle of the stream.

const (
	// attemptTimeout bounds one attempt to resume.
	attemptTimeout = 20 * time.Second
	// heldWait is how long the relay may go on believing in the old link, which it cannot know to be dead.
	heldWait = 90 * time.Second
	// maxUnknownErrors is how many closes with code 4000 in a row a session survives without progress.
	maxUnknownErrors = 2
	// maxNewTokens is how many tokens in a row the relay may call expired.
	maxNewTokens = 3
	// steadyLink is how long a link must have lived for an outage to count as a new one.
	steadyLink = 10 * time.Second

	minPause = 100 * time.Millisecond
	maxPause = 15 * time.Second
)

// remedy is what can be done about the end of a link, or of an attempt to get a new one.
type remedy int

const (
	remedyNone       remedy = iota // the session is over
	remedyRetry                    // try again, with a growing pause
	remedyHeld                     // the relay still has the old link: the same, for heldWait
	remedyNewToken                 // the token has expired: try again with another
	remedyOtherToken               // the token was refused: try again with another, once
	remedyUnknown                  // an error inside the relay: try again, maxUnknownErrors times
)

// remedyFor is the table. Everything that is not in it is final.
func remedyFor(err error) remedy {
	var closed *CloseError
	var status *HTTPError
	var refused *proxy.Error
	var protocol *ProtocolError
	var dial *DialError
	switch {
	case errors.As(err, &protocol):
		return remedyNone
	case errors.As(err, &closed):
		return remedyForCode(closed.Code)
	case errors.As(err, &status):
		return remedyForStatus(status.Status)
	case errors.As(err, &refused) && !refused.Temporary():
		return remedyNone
	case errors.As(err, &dial) && dial.Stage == StageToken && !passing(dial.Err):
		return remedyNone
	}
	return remedyRetry // the network: refused, unreachable, reset, silent
}

func remedyForCode(code int) remedy {
	switch code {
	case CloseGoingAway, CloseNoStatus, 1011, 1012, 1013, 1014:
		return remedyRetry
	case CloseUnknownError:
		return remedyUnknown
	case CloseReauthenticate:
		return remedyNewToken
	case CloseSIDInUse:
		return remedyHeld
	}
	return remedyNone
}

func remedyForStatus(status int) remedy {
	switch {
	case status == http.StatusUnauthorized:
		return remedyOtherToken
	case status == http.StatusTooManyRequests || status >= 500:
		return remedyRetry
	}
	return remedyNone
}

// passing tells an error of a token source that may not last.
func passing(err error) bool {
	var temporary interface{ Temporary() bool }
	if errors.As(err, &temporary) {
		return temporary.Temporary()
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}

// outage is the history on which the next step depends. It is kept from one outage to the next as long as links are short and
// nothing moves, so that a relay which accepts and drops at once meets growing pauses.
type outage struct {
	began     time.Time
	attempts  int
	unknowns  int
	newTokens int
	heldSince time.Time
	progress  uint64 // the session's bytes, both ways, when it was last looked at
}

// next decides what follows err: a pause and then another attempt, with another token or not, or the end. A relay that asks to be
// left alone is, until the budget is spent; then it is asked once more.
func (o *outage) next(err error, now time.Time, budget time.Duration) (pause time.Duration, newToken, goOn bool) {
	switch remedyFor(err) {
	case remedyNone:
		return 0, false, false
	case remedyHeld:
		if o.heldSince.IsZero() {
			o.heldSince = now
		}
		if now.Sub(o.heldSince) >= heldWait {
			return 0, false, false
		}
	case remedyUnknown:
		if o.unknowns++; o.unknowns > maxUnknownErrors {
			return 0, false, false
		}
	case remedyNewToken:
		if o.newTokens++; o.newTokens > maxNewTokens {
			return 0, false, false
		}
		newToken = true
	case remedyOtherToken:
		if o.newTokens++; o.newTokens > 1 {
			return 0, false, false
		}
		newToken = true
	}
	left := budget - now.Sub(o.began)
	if left <= 0 {
		return 0, false, false
	}
	pause = o.pause(rand.Float64()) + min(left, retryAfter(err))
	o.attempts++
	return pause, newToken, true
}

// retryAfter is how long the relay asks to be left alone.
func retryAfter(err error) time.Duration {
	var status *HTTPError
	if errors.As(err, &status) {
		return status.RetryAfter
	}
	return 0
}

// pause grows from nothing to maxPause; jitter in [0,1) spreads the clients of a relay that went away.
func (o *outage) pause(jitter float64) time.Duration {
	if o.attempts == 0 {
		return 0
	}
	full := min(maxPause, minPause<<min(o.attempts-1, 20))
	return full/2 + time.Duration(jitter*float64(full/2))
}

// renew begins a new outage, unless the link that broke was another short one without progress.
func (o *outage) renew(now time.Time, lived time.Duration, progress uint64) {
	if progress != o.progress || lived >= steadyLink || o.began.IsZero() {
		*o = outage{began: now, progress: progress}
	}
}

// run is the session's life: it serves one link after the other.
func (c *Conn) run(l *link) {
	defer close(c.ended)
	var o outage
	for l != nil {
		began := time.Now()
		err := l.serve(c)
		l = c.recover(&o, err, time.Since(began))
	}
}

// recover gives the next link, or nil when the session is over.
func (c *Conn) recover(o *outage, err error, lived time.Duration) *link {
	if !c.lost(err, o, lived) {
		return nil
	}
	for {
		pause, newToken, goOn := o.next(err, time.Now(), c.budget())
		if !goOn {
			c.finish(err)
			return nil
		}
		c.dialer.Trace.retry(err, pause)
		if !rest(c.life, pause) {
			c.finish(err)
			return nil
		}
		var l *link
		if l, err = c.reopen(newToken); err == nil {
			return l
		}
		if c.life.Err() != nil {
			c.finish(err)
			return nil
		}
	}
}

func (c *Conn) budget() time.Duration {
	if c.dialer.Resume == 0 {
		return defaultResume
	}
	return c.dialer.Resume
}

// lost notes the end of a link. It says whether to try for another: not for an end that is final, nor when our goodbye was
// heard by nobody. A session that is being closed tries too, so that its tail arrives and the VM hears of the end.
func (c *Conn) lost(err error, o *outage, lived time.Duration) bool {
	c.mu.Lock()
	now := time.Now()
	o.renew(now, lived, c.recv.received+c.send.confirmed)
	final := remedyFor(err) == remedyNone || errors.Is(err, errNoGoodbye) || c.dialer.Resume < 0 || c.life.Err() != nil || c.closed && c.hurried
	if final {
		c.end(err)
	} else {
		c.downSince = now
	}
	c.mu.Unlock()
	if !final {
		c.dialer.Trace.lost(err)
	}
	return !final
}

// rest waits; false if ctx ends meanwhile.
func rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reopen makes one attempt to resume.
func (c *Conn) reopen(newToken bool) (*link, error) {
	ctx, cancel := context.WithTimeout(c.life, attemptTimeout)
	defer cancel()
	refused := ""
	if newToken {
		refused = c.token
	}
	c.mu.Lock()
	url := c.target.reconnectURL(c.relay, c.sid, c.recv.resumeAt())
	c.mu.Unlock()
	o, stage, err := c.dialer.open(ctx, c.relay, url, wire.TagReconnectSuccess, refused)
	if o.token != "" {
		c.token = o.token
	}
	if err != nil {
		return nil, &DialError{Stage: stage, Target: c.target, Resume: true, Err: err}
	}
	if err := c.resumed(o); err != nil {
		o.link.bye(closeProtocolError)
		return nil, &DialError{Stage: stage, Target: c.target, Resume: true, Err: err}
	}
	return o.link, nil
}

// resumed goes on with a new link, from where the relay says it is.
func (c *Conn) resumed(o opened) error {
	c.mu.Lock()
	if err := c.send.confirm(o.answer.Ack); err != nil {
		c.mu.Unlock()
		return err
	}
	c.send.rewind()
	o.link.answering = c.link.hasAnswered()
	c.link = o.link
	c.resumes++
	outage := time.Since(c.downSince)
	c.downSince = time.Time{}
	c.released = false
	c.wakeAll()
	c.mu.Unlock()
	c.dialer.Trace.resumed(outage)
	return nil
}

// LinkDown tells since when the session has been without a link, if it is.
func (c *Conn) LinkDown() (since time.Time, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.downSince, !c.downSince.IsZero() && c.err == nil
}
