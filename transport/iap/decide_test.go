package iap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/iapssh/iapssh/transport/iap/proxy"
)

// temporary is a token source's error that may pass.
type temporary struct{ error }

func (temporary) Temporary() bool { return true }

func TestRemedyFor(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want remedy
	}{
		{&LinkError{Err: io.ErrUnexpectedEOF}, remedyRetry},
		{&LinkError{Err: syscall.ECONNRESET}, remedyRetry},
		{&LinkError{Err: errSilent}, remedyRetry},
		{syscall.ECONNREFUSED, remedyRetry},
		{context.DeadlineExceeded, remedyRetry},
		{&CloseError{Code: 1001}, remedyRetry},
		{&CloseError{Code: 1005}, remedyRetry},
		{&CloseError{Code: 1011}, remedyRetry},
		{&CloseError{Code: 1012}, remedyRetry},
		{&CloseError{Code: 1013}, remedyRetry},
		{&CloseError{Code: 1014}, remedyRetry},
		{&CloseError{Code: CloseUnknownError}, remedyUnknown},
		{&CloseError{Code: CloseSIDInUse}, remedyHeld},
		{&CloseError{Code: CloseReauthenticate}, remedyNewToken},
		{&CloseError{Code: CloseNormal}, remedyNone},
		{&CloseError{Code: CloseSIDUnknown}, remedyNone},
		{&CloseError{Code: CloseBackendFailed}, remedyNone},
		{&CloseError{Code: CloseBadAck}, remedyNone},
		{&CloseError{Code: CloseInvalidData}, remedyNone},
		{&CloseError{Code: CloseWriteFailed}, remedyNone},
		{&CloseError{Code: CloseReadFailed}, remedyNone},
		{&CloseError{Code: CloseNotAuthorized}, remedyNone},
		{&CloseError{Code: CloseLookupFailed}, remedyNone},
		{&CloseError{Code: CloseLookupFailedResume}, remedyNone},
		{&CloseError{Code: CloseCannotRewind}, remedyNone},
		{&CloseError{Code: 4999}, remedyNone},
		{&HTTPError{Status: http.StatusUnauthorized}, remedyOtherToken},
		{&HTTPError{Status: http.StatusTooManyRequests}, remedyRetry},
		{&HTTPError{Status: http.StatusInternalServerError}, remedyRetry},
		{&HTTPError{Status: http.StatusServiceUnavailable}, remedyRetry},
		{&HTTPError{Status: http.StatusFound}, remedyNone},
		{&HTTPError{Status: http.StatusForbidden}, remedyNone},
		{&HTTPError{Status: http.StatusNotFound}, remedyNone},
		{&proxy.Error{Status: http.StatusProxyAuthRequired}, remedyNone},
		{&proxy.Error{Status: http.StatusBadGateway}, remedyRetry},
		{&proxy.Error{Status: http.StatusFound}, remedyRetry},
		{&proxy.Error{Err: syscall.ECONNREFUSED}, remedyRetry},
		{&ProtocolError{Detail: "ACK"}, remedyNone},
		{&DialError{Stage: StageToken, Err: errors.New("sign in")}, remedyNone},
		{&DialError{Stage: StageToken, Err: temporary{errors.New("no network")}}, remedyRetry},
		{&DialError{Stage: StageToken, Err: context.DeadlineExceeded}, remedyRetry},
	} {
		for _, err := range []error{tc.err, &DialError{Stage: StageSession, Err: tc.err}} {
			var dial *DialError
			if errors.As(tc.err, &dial) {
				err = tc.err
			}
			if got := remedyFor(err); got != tc.want {
				t.Errorf("%v: remedy %d, want %d", err, got, tc.want)
			}
		}
	}
}

func TestRedial(t *testing.T) {
	busy := func(after time.Duration) error { return &HTTPError{Status: 503, RetryAfter: after} }
	for _, tc := range []struct {
		attempts    int
		stage       Stage
		err         error
		again       bool
		least, most time.Duration
	}{
		{1, StageUpgrade, busy(0), true, 100 * time.Millisecond, 200 * time.Millisecond},
		{2, StageUpgrade, busy(0), true, 200 * time.Millisecond, 400 * time.Millisecond},
		{3, StageUpgrade, busy(0), false, 0, 0},
		{1, StageUpgrade, busy(3 * time.Second), true, 3100 * time.Millisecond, 3200 * time.Millisecond},
		{1, StageUpgrade, busy(maxRetryAfter + time.Second), false, 0, 0},
		{1, StageUpgrade, &HTTPError{Status: 429}, true, 100 * time.Millisecond, 200 * time.Millisecond},
		{1, StageUpgrade, &HTTPError{Status: 500}, false, 0, 0},
		{1, StageUpgrade, &HTTPError{Status: 403}, false, 0, 0},
		{1, StageUpgrade, &LinkError{Err: syscall.ECONNRESET}, true, 100 * time.Millisecond, 200 * time.Millisecond},
		{1, StageSession, &LinkError{Err: syscall.ECONNRESET}, false, 0, 0},
		{1, StageConnect, syscall.ECONNREFUSED, false, 0, 0},
		{1, StageSession, &CloseError{Code: CloseNotAuthorized}, false, 0, 0},
		{1, StageUpgrade, context.DeadlineExceeded, false, 0, 0},
	} {
		least, again := redial(tc.attempts, tc.stage, tc.err, 0)
		most, _ := redial(tc.attempts, tc.stage, tc.err, 1)
		if again != tc.again || again && (least != tc.least || most != tc.most) {
			t.Errorf("%v at %s, %d: %v, from %v to %v", tc.err, tc.stage, tc.attempts, again, least, most)
		}
	}
}

// The phases of a later attempt are counted from the first one's beginning; what it did not come to stays 0.
func TestPhasesOfALaterAttempt(t *testing.T) {
	p := Phases{Token: 1, Resolve: 2, Connect: 3}
	p.delay(10)
	if p != (Phases{Token: 11, Resolve: 12, Connect: 13}) {
		t.Errorf("%+v", p)
	}
}

func TestOutageGoesOn(t *testing.T) {
	epoch := time.Unix(1e9, 0)
	code := func(code int) error { return &CloseError{Code: code} }
	for _, tc := range []struct {
		name     string
		err      error
		every    time.Duration // between two attempts
		attempts int           // before the end; -1 is the budget's
		newToken bool
	}{
		{"network", syscall.ECONNRESET, time.Second, -1, false},
		{"503", &HTTPError{Status: 503}, time.Second, -1, false},
		{"4000", code(CloseUnknownError), time.Second, 2, false},
		{"4002, fast", code(CloseSIDInUse), time.Second, 90, false},
		{"4002, slow", code(CloseSIDInUse), 30 * time.Second, 3, false},
		{"4004", code(CloseReauthenticate), time.Second, 3, true},
		{"401", &HTTPError{Status: 401}, time.Second, 1, true},
		{"4033", code(CloseNotAuthorized), time.Second, 0, false},
	} {
		const budget = 15 * time.Minute
		o := outage{began: epoch}
		now, attempts := epoch, 0
		for {
			pause, newToken, goOn := o.next(tc.err, now, budget)
			if !goOn {
				break
			}
			if newToken != tc.newToken || pause > maxPause || attempts == 0 && pause != 0 {
				t.Errorf("%s: attempt %d after %v, new token %v", tc.name, attempts, pause, newToken)
			}
			attempts++
			now = now.Add(tc.every)
		}
		want := tc.attempts
		if want < 0 {
			want = int(budget / tc.every)
		}
		if attempts != want {
			t.Errorf("%s: %d attempts, want %d", tc.name, attempts, want)
		}
	}
}

// A relay that asks to be left alone is, as long as the budget lasts.
func TestOutageHeedsRetryAfter(t *testing.T) {
	epoch := time.Unix(1e9, 0)
	for _, tc := range []struct {
		asked, into, want time.Duration
	}{
		{0, time.Minute, 0},
		{30 * time.Second, time.Minute, 30 * time.Second},
		{time.Hour, time.Minute, 14 * time.Minute},
	} {
		o := outage{began: epoch, attempts: 1}
		pause, _, goOn := o.next(&HTTPError{Status: 503, RetryAfter: tc.asked}, epoch.Add(tc.into), 15*time.Minute)
		if !goOn || pause < tc.want || pause > tc.want+minPause {
			t.Errorf("asked for %v after %v: pause %v, goes on %v", tc.asked, tc.into, pause, goOn)
		}
	}
}

func TestOutagePause(t *testing.T) {
	for _, tc := range []struct {
		attempts    int
		least, most time.Duration
	}{
		{0, 0, 0},
		{1, 50 * time.Millisecond, 100 * time.Millisecond},
		{2, 100 * time.Millisecond, 200 * time.Millisecond},
		{8, 6400 * time.Millisecond, 12800 * time.Millisecond},
		{9, 7500 * time.Millisecond, 15 * time.Second},
		{1000, 7500 * time.Millisecond, 15 * time.Second},
	} {
		o := outage{attempts: tc.attempts}
		if got := o.pause(0); got != tc.least {
			t.Errorf("attempt %d: at least %v, want %v", tc.attempts, got, tc.least)
		}
		if got := o.pause(1); got != tc.most {
			t.Errorf("attempt %d: at most %v, want %v", tc.attempts, got, tc.most)
		}
	}
}

// A relay that accepts and drops at once is one outage; progress, or a link that lived, begins a new one.
func TestOutageRenews(t *testing.T) {
	epoch := time.Unix(1e9, 0)
	for _, tc := range []struct {
		lived    time.Duration
		progress uint64
		renewed  bool
	}{
		{time.Second, 100, false},
		{time.Second, 101, true},
		{steadyLink, 100, true},
	} {
		o := outage{began: epoch, attempts: 7, progress: 100}
		o.renew(epoch.Add(time.Minute), tc.lived, tc.progress)
		if renewed := o.attempts == 0; renewed != tc.renewed {
			t.Errorf("after %v with %d bytes: renewed %v", tc.lived, tc.progress, renewed)
		}
	}
}

func TestVitals(t *testing.T) {
	const s = time.Second
	for _, tc := range []struct {
		v      vitals
		pingIn time.Duration
		dead   bool
	}{
		{vitals{}, 15 * s, false},
		{vitals{silence: 10 * s}, 5 * s, false},
		{vitals{silence: 15 * s}, 0, false},
		{vitals{outstanding: true}, 5 * s, false},
		{vitals{outstanding: true, silence: 5 * s}, 0, false},
		// The machine has slept, or roamed: ask at once, whatever was heard last.
		{vitals{slept: true}, 0, false},
		{vitals{slept: true, outstanding: true, silence: s}, 0, false},
		{vitals{slept: true, parked: true}, 5 * s, false},
		{vitals{slept: true, writing: true}, 5 * s, false},
		// Only a relay that answers pings is held to it.
		{vitals{silence: 100 * s}, 0, false},
		{vitals{silence: 100 * s, answering: true}, 0, true},
		{vitals{silence: 10 * s, answering: true}, 5 * s, true},
		{vitals{silence: 9 * s, answering: true}, 6 * s, false},
		{vitals{silence: 10 * s, answering: true, outstanding: true}, 0, true},
		// A stalled peer is not a dead one.
		{vitals{silence: 600 * s, answering: true, parked: true}, 5 * s, false},
		{vitals{silence: 600 * s, answering: true, writing: true, outstanding: true}, 5 * s, false},
	} {
		t.Run(fmt.Sprintf("%+v", tc.v), func(t *testing.T) {
			if got := tc.v.pingIn(); got != tc.pingIn {
				t.Errorf("ping in %v, want %v", got, tc.pingIn)
			}
			if got := tc.v.dead(); got != tc.dead {
				t.Errorf("dead %v, want %v", got, tc.dead)
			}
		})
	}
}
