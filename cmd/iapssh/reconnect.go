package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/amount"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/sshclient"
)

// IAPReconnect: a connection over which nothing runs but forwards, and which is lost, is replaced by another. What listens here stays.
// Before the first connection nothing is tried again, and never a host key accepted that another has replaced.

const (
	firstPause, longestPause = time.Second, 30 * time.Second

	// steady is how long a connection lasts of which it may be said that it was there.
	steady = time.Minute
	// givenUp is how long there may be none that lasts: more than the longest weekend.
	givenUp = 4 * 24 * time.Hour
	// maxRefusals bounds the attempts in a row to which a server says that it does not know the user. One that has just
	// started may not know anybody yet.
	maxRefusals = 3

	// attemptPatience is ConnectTimeout where none is given and another attempt follows: nobody may be there to see that nothing happens.
	attemptPatience = time.Minute
	// clientPatience is how long those who connect here meanwhile wait.
	clientPatience = 30 * time.Second
)

// outage is the time without a connection that lasts. The zero value is none.
type outage struct {
	since    time.Time
	failures int // in a row
	refusals int // the latest of them
}

// fail counts a failure at a time, after a connection that was there since opened, or zero.
func (o *outage) fail(f report.Failure, opened, now time.Time) {
	if o.failures == 0 || !opened.IsZero() && now.Sub(opened) >= steady {
		*o = outage{since: now}
	}
	o.failures++
	if f.Code == report.CodeAuth {
		o.refusals++
	} else {
		o.refusals = 0
	}
}

// goesOn says whether after the latest failure another connection may come about with nobody there to help.
func (o *outage) goesOn(f report.Failure, now time.Time) bool {
	switch {
	case now.Sub(o.since) >= givenUp:
		return false
	case f.Stage == report.StageEnded: // a session; the next one begins with a new access token
		return f.Code != "4033"
	case f.Code == report.CodeAuth:
		return o.refusals < maxRefusals
	case f.Code == report.CodeForward: // the server's side of the lost connection may still listen
		return true
	case f.Code == report.CodeCertificate || f.Stage != report.StageConfig && len(f.Code) == 3 && f.Code[0] == '3':
		return true // a network that wants a browser to sign in, as at a hotel
	}
	return f.Retryable
}

// pause is how long to wait after so many failures in a row. dice, from 0 to 1, keeps apart those who have failed together.
func pause(failures int, dice float64) time.Duration {
	most := min(longestPause, firstPause<<min(failures-1, 10))
	return most/2 + time.Duration(dice*float64(most/2))
}

// run is the session, and those that replace it.
func (s *sshRun) run(ctx context.Context) (int, error) {
	if !s.plan.Reconnects() {
		return s.once(ctx)
	}
	s.local.Listeners = &sshclient.Listeners{Patience: clientPatience}
	defer s.local.Listeners.Close()
	s.local.Opened = s.isOpen
	code, err := s.once(ctx)
	if s.opened.IsZero() { // it has not come about with all that was asked for, or is another process's
		return code, err
	}
	s.plan.Sharing = s.relay.plan.Sharing
	s.plan = unattended(s.plan)
	s.local.Detach = nil
	for err != nil && ctx.Err() == nil && s.mend(ctx, err) {
		code, err = s.again(ctx)
	}
	var killed *session.Killed
	if err != nil && errors.As(context.Cause(ctx), &killed) {
		return killed.Exit(s.plan), nil
	}
	if err != nil && s.facts.Method == "" {
		s.record(code, err) // of attempts that came to nothing the last alone
	}
	return code, err
}

// unattended is a plan for the connections that follow the first: they find no master, trust no key in the place of another, and do
// not wait for ever.
func unattended(plan config.Plan) config.Plan {
	plan.Sharing, plan.Timing = plan.Sharing.Alone(), false
	plan.Wait = 0 // who goes on after a failure waits in any case
	if plan.StrictHostKeyChecking == "no" {
		plan.StrictHostKeyChecking = "accept-new"
	}
	if plan.ConnectTimeout == 0 {
		plan.ConnectTimeout = attemptPatience
	}
	return plan
}

// placed is a plan with what a connection has learnt of where its host is. To look for a VM again by its name may fail as all else
// in an outage, and some other host be taken for it.
func placed(plan, learnt config.Plan) config.Plan {
	if plan.ToWorkload() || !plan.MustLocate() && !plan.Remembered || learnt.MustLocate() {
		return plan // with each deployment of a workload another revision serves
	}
	plan.Remembered = plan.Remembered || plan.IAP.Zone == "" // as of one in the cache: it is looked for if it is there no more
	plan.IAP = learnt.IAP
	if plan.Route == config.RouteLookup { // not of two ways to a VM, whose address may be another by then, or none
		plan.Route, plan.RouteReason, plan.RouteFix = learnt.Route, learnt.RouteReason, learnt.RouteFix
	}
	return plan
}

// again is another session in the place of a lost one.
func (s *sshRun) again(ctx context.Context) (int, error) {
	s.plan = placed(s.plan, s.relay.current())
	r, err := newRelay(s.plan, s.relay.messages)
	if err != nil {
		return 0, err
	}
	r.succeed(s.relay)
	s.relay, s.audit = r, s.audit.of(r)
	return s.once(ctx)
}

// isOpen notes that a connection is there.
func (s *sshRun) isOpen() {
	s.opened = time.Now()
	if s.outage.failures > 0 {
		s.relay.say(fmt.Sprintf("connected to %s again, after %s", s.plan.Original, amount.Round(s.opened.Sub(s.outage.since))))
	}
}

// mend waits until it is time for another connection in the place of one that failed; false if there is to be none.
func (s *sshRun) mend(ctx context.Context, err error) bool {
	if signInWouldMend(err) {
		return s.relay.innermost().awaitSignIn(ctx, err, false) == nil && idle(ctx, firstPause)
	}
	f, now := report.Of(err, s.relay.facts(ctx, nil)), time.Now()
	s.outage.fail(f, s.opened, now)
	if !s.outage.goesOn(f, now) {
		return false
	}
	cause := strings.TrimSuffix(f.Cause, ".")
	wait := pause(s.outage.failures, rand.Float64())
	if s.opened.IsZero() {
		s.relay.debug("%s; connecting again in %s", cause, amount.Round(wait))
	} else {
		s.relay.say(cause + "; connecting again")
	}
	for timer := time.After(wait); ; {
		select {
		case <-timer:
			return true
		case <-s.local.Asked:
			s.relay.say(fmt.Sprintf("not connected for %s, %d attempts: %s", amount.Round(time.Since(s.outage.since)), s.outage.failures-1, cause))
		case <-ctx.Done():
			return false
		}
	}
}

// idle lets time pass; false if that was cut short.
func idle(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
