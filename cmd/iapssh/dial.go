package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/proxycommand"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
	"github.com/iapssh/iapssh/transport/iap"
)

// relay joins the transport with the credentials that a plan implies. Nothing is read before the first dial asks, so that
// looking for credentials runs beside connecting.
type relay struct {
	resolved config.Plan // the plan as it was at first: who asks Google does not change, and goroutines read it
	dialer   iap.Dialer
	http     *http.Client
	cloud    *vm.Cloud                        // Google's APIs
	inquiry  *vm.Inquiry                      // of the plan's VM, nil if there is none
	pusher   *vm.Pusher                       // of a key for it, nil as well
	sure     *vm.Ensuring                     // that a key is let in, nil as well
	debug    func(format string, args ...any) // -v
	say      func(line string)
	wait     *progress

	messages *session.Messages
	outer    *relay   // the one whose host is reached through ours; nil: none
	argv     []string // the command line of our plan, if outer is set
	inner    *relay   // the one through whose host ours was last sought; nil: none

	times *waterfall // nil unless --timing
	clock *clock     // of the attempt in progress
	begin time.Time  // when the last attempt began, less the time for signing in

	locating sync.Mutex // held while the target is looked up: once for all who want it

	mu      sync.Mutex  // guards what follows
	plan    config.Plan // completed by what is found out
	source  *creds.Source
	last    string // the last token that the dialer got
	tokens  uint64 // how many different ones it got
	refused string // one that the relay turned down in place of a session
	dialled bool   // there is a session: its user would rather wait than lose it
	id      string // of the VM that was met
}

func newRelay(plan config.Plan, messages *session.Messages) (*relay, error) {
	r := &relay{
		resolved: plan,
		plan:     plan,
		dialer:   iap.Dialer{URL: plan.RelayURL, Universe: plan.Universe, UserAgent: "iapssh/" + version, Header: apiHeader(plan)},
		debug:    func(string, ...any) {},
		say:      func(string) {},
		messages: messages,
		times:    newWaterfall(plan),
	}
	r.dialer.Token = r.dialToken
	if plan.LogLevel >= config.LogError {
		r.say = sayTo(messages)
	}
	r.wait = newProgress(plan, messages)
	r.dialer.Trace = r.wait.trace(plan.Original)
	if plan.LogLevel >= config.LogDebug1 {
		r.debug = debugLines(messages)
		r.dialer.Trace = traceTo(r.debug)
		for _, k := range plan.Ignored {
			r.debug("%s: %s has no effect here", k.Where, k.Keyword)
		}
	}
	if !plan.ToVM() && plan.Route != config.RouteIAP && plan.Route != config.RouteLookup {
		return r, nil
	}
	over := r.times.phase("set-up") // certificates, most of it
	err := r.meetGoogle(plan, messages)
	over(err)
	return r, err
}

// meetGoogle prepares for what is asked of Google. The errors are newNetwork's.
func (r *relay) meetGoogle(plan config.Plan, messages io.Writer) error {
	n, err := newNetwork(plan)
	if err != nil {
		return err
	}
	n.lead(&r.dialer)
	r.http = n.client()
	if plan.LogLevel >= config.LogDebug1 {
		r.http.Transport = loggedRequests{r.http.Transport, r.debug}
	}
	r.cloud = r.newCloud(plan, messages)
	return nil
}

// reach connects to the plan's host by the plan's route.
func (r *relay) reach(ctx context.Context) (conn net.Conn, err error) {
	defer r.wait.end()
	if err := r.plan.Lacks(); err != nil {
		return nil, err
	}
	err = r.located(ctx, func(plan config.Plan) error {
		conn, err = r.attempts(ctx, plan)
		return err
	})
	return conn, err
}

// attempts are ConnectionAttempts; ConnectTimeout bounds each.
func (r *relay) attempts(ctx context.Context, plan config.Plan) (net.Conn, error) {
	r.debug("%s is reached by route %s: %s", plan.Original, plan.Route, plan.RouteReason)
	for attempt := 1; ; attempt++ {
		conn, err := r.attempt(ctx, plan)
		// A jump host has attempts of its own.
		if err == nil || attempt >= plan.ConnectionAttempts || plan.Route == config.RouteJump || ctx.Err() != nil {
			return conn, err
		}
		r.debug("%v", err)
		r.debug("Trying again...")
		idle(ctx, time.Second) // as in ssh
	}
}

// attempt is one of them. The time that signing in takes is not the host's.
func (r *relay) attempt(ctx context.Context, plan config.Plan) (net.Conn, error) {
	r.clock = startClock(plan.ConnectTimeout)
	if r.outer != nil {
		r.clock.outer = r.outer.clock
	}
	ctx, cancel := r.clock.bound(ctx)
	defer cancel()
	conn, err := r.connect(ctx, plan)
	r.begin = r.clock.begin()
	return conn, err
}

func (r *relay) connect(ctx context.Context, plan config.Plan) (net.Conn, error) {
	if plan.Route == config.RouteJump {
		return r.jump(ctx, plan) // which says for itself what it waits for
	}
	r.wait.enter("connecting to " + plan.Host)
	switch plan.Route {
	case config.RouteDirect:
		return r.direct(ctx, plan)
	case config.RouteAddress:
		over := r.times.phase("address")
		address, err := r.cloud.Address(ctx, plan)
		over(err)
		if err != nil {
			return nil, err
		}
		plan.Host = address
		return r.direct(ctx, plan)
	case config.RouteProxyCommand:
		if plan.ProxyFD {
			return proxycommand.DialPassed(ctx, plan.ProxyCommand, plan.Host)
		}
		return proxycommand.Dial(plan.ProxyCommand, plan.Host)
	}
	return r.dialTarget(ctx, plan)
}

func (r *relay) direct(ctx context.Context, plan config.Plan) (net.Conn, error) {
	over := r.times.phase("connect")
	conn, err := direct(ctx, plan)
	over(err)
	return conn, err
}

// dial opens a session with the plan's target, which it may have to find first. Several may be opened at once.
func (r *relay) dial(ctx context.Context) (conn *iap.Conn, err error) {
	if err := r.current().Lacks(); err != nil {
		return nil, err
	}
	err = r.patiently(ctx, func() error {
		return r.located(ctx, func(plan config.Plan) error {
			conn, err = r.dialTarget(ctx, plan)
			return err
		})
	})
	return conn, err
}

// dialTarget opens a session with the plan's target, which is known.
func (r *relay) dialTarget(ctx context.Context, plan config.Plan) (*iap.Conn, error) {
	conn, err := r.dialOnce(ctx, plan)
	if r.mayHaveAged(err) {
		r.debug("%v; trying once more with a new access token", err)
		conn, err = r.dialOnce(ctx, plan)
	}
	r.mu.Lock()
	r.dialled = err == nil
	r.mu.Unlock()
	return conn, err
}

func (r *relay) dialOnce(ctx context.Context, plan config.Plan) (*iap.Conn, error) {
	began := time.Now()
	conn, err := r.dialer.Dial(ctx, target(plan))
	r.times.dialed(began, conn, err)
	return conn, err
}

// tokensUsed is how many access tokens there have been.
func (r *relay) tokensUsed() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tokens
}

// current is the plan as far as it is known.
func (r *relay) current() config.Plan {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.plan
}

// who is that with the credential, for a person.
func (r *relay) who() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source == nil {
		return "nobody: gcloud's auth/disable_credentials is set"
	}
	return fmt.Sprintf("%s, by %s", cmp.Or(r.source.Principal(), "an account that the credential does not name"), r.source.Origin())
}

// principal is who asks Google, as far as that is known.
func (r *relay) principal() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source == nil {
		return ""
	}
	return r.source.Principal()
}

// facts is what a report may need beside the error.
func (r *relay) facts(ctx context.Context, err error) report.Facts {
	granted := r.isGranted(ctx, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	f := report.Facts{Target: target(r.plan), Granted: granted}
	if r.pusher != nil {
		f.Keys = r.pusher.Problem()
	}
	if r.source != nil {
		f.Principal, f.Origin, f.SignIn = r.source.Principal(), r.source.Origin(), r.source.SignIn()
		if other, ok := r.source.Other(); ok {
			f.Other, f.OtherWay = other.Principal, other.Way
		}
	}
	return f
}

// target is what the plan leads to, behind IAP.
func target(plan config.Plan) iap.Target {
	t := plan.IAP
	to := iap.Target{Project: t.Project, Port: t.Port}
	switch {
	case t.Workload.Type != "":
		to.Region = t.Region
		to.Workload = iap.Workload{
			Type: t.Workload.Type, Name: t.Instance, ProjectNumber: t.Workload.ProjectNumber,
			Instance: t.Workload.Instance, Container: t.Workload.Container,
		}
	case t.IsVM():
		to.Zone, to.Instance, to.Interface = t.Zone, t.Instance, t.Interface
	default:
		to.Region, to.Network, to.Host, to.DestGroup = t.Region, t.Network, t.Instance, t.DestGroup
	}
	return to
}
