package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/sshclient/control"
)

// jump reaches the plan's host through its jump host. That has a plan, credentials and an SSH connection of its own, as if
// another ssh had been started for it, which is how OpenSSH does it; its way may lead through a jump host again.
func (r *relay) jump(ctx context.Context, plan config.Plan) (net.Conn, error) {
	host := plan.Jump[len(plan.Jump)-1]
	if r.leadsBackBy(plan.Jump) {
		return nil, &report.HopError{Host: host, Err: &config.UsageError{Text: "jumphost loop via " + host}}
	}
	hop, err := config.Resolve(ctx, "iapssh", plan.Jump, effects())
	if err != nil {
		return nil, &report.HopError{Host: host, Err: err}
	}
	if r.inner != nil && r.inner.current().RouteFix == "" { // else that was a guess
		hop = placed(hop, r.inner.current())
	}
	warn(hop, r.messages)
	inner, err := newRelay(hop, r.messages)
	if err != nil {
		return nil, &report.HopError{Host: host, Err: err}
	}
	inner.outer, inner.argv, inner.times = r, plan.Jump, r.times.through(host)
	inner.succeed(r.inner)
	r.inner = inner
	conn, err := inner.onward(ctx)
	var further *report.HopError
	if err != nil && !errors.As(err, &further) {
		err = &report.HopError{Host: host, Facts: inner.facts(ctx, err), Err: err}
	}
	return conn, err
}

// onward is a connection through the plan's host: by the one that a master shares if there is one, or by one of its own.
func (r *relay) onward(ctx context.Context) (net.Conn, error) {
	local := localSide(r.messages)
	local.Asking = r.outer.standStill
	if r.plan.Sharing.Joins() {
		conn, err := onwardShared(ctx, r.plan, local)
		if !r.insteadOfMaster(err) {
			return conn, err
		}
	}
	var conn net.Conn
	err := r.follow(ctx, &local, func(below net.Conn) (err error) {
		conn, err = session.Jump(ctx, r.plan, below, r.begin, local)
		return err
	})
	return conn, err
}

func onwardShared(ctx context.Context, plan config.Plan, local session.Local) (net.Conn, error) {
	master, err := control.Dial(ctx, plan.Sharing.Path)
	if err != nil {
		return nil, err
	}
	return session.JumpShared(ctx, plan, master, local)
}

// succeed has a relay take the place of one that was used up, and of which it knows the way. That may be nil.
func (r *relay) succeed(former *relay) {
	if former != nil {
		former.release()
		r.inner = former.inner
	}
}

// innermost is the first on the way to our host, the only one that may have a credential: those behind it are reached through a host.
func (r *relay) innermost() *relay {
	for r.inner != nil {
		r = r.inner
	}
	return r
}

// release closes what is kept open for requests to Google that will not come, on all the way.
func (r *relay) release() {
	for ; r != nil; r = r.inner {
		if r.http != nil {
			r.http.CloseIdleConnections()
		}
	}
}

// leadsBackBy says that we are on the way of a jump with that command line already. What leads on from it would come to it again.
func (r *relay) leadsBackBy(argv []string) bool {
	for ; r != nil; r = r.outer {
		if slices.Equal(r.argv, argv) {
			return true
		}
	}
	return false
}

// standStill stops the time of the attempt while something else than the hosts of its way is waited for: the user, or Google.
func (r *relay) standStill() (goOn func()) {
	r.clock.pause()
	return r.clock.resume
}

// outerStandsStill does so for the host that is reached through ours, if there is one.
func (r *relay) outerStandsStill() (goOn func()) {
	if r.outer == nil {
		return func() {}
	}
	return r.outer.standStill()
}

// warn shows what was found odd in a configuration.
func warn(plan config.Plan, messages *session.Messages) {
	if plan.LogLevel == config.LogQuiet {
		return
	}
	for _, line := range plan.Warnings {
		fmt.Fprintln(messages, report.Clean(line))
	}
}
