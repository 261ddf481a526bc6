package main

import (
	"context"
	"errors"
	"io"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/sshclient/control"
)

// session is the session that the plan asks for: on the connection that a master shares if there is one, or on one of its own.
func (r *relay) session(ctx context.Context, local session.Local) (int, error) {
	plan := r.plan
	if plan.Sharing.Command != "" && plan.Sharing.Command != "proxy" {
		return 0, session.Control(ctx, plan, local)
	}
	if plan.Sharing.Joins() {
		code, err := shared(ctx, plan, local)
		do, ok := withoutMaster(plan.Sharing, err)
		if !ok {
			return code, err
		}
		if do.tell && plan.LogLevel >= config.LogError {
			io.WriteString(local.Stderr, report.Of(err, report.Facts{}).Lines())
		}
		var none *control.MasterError
		if do.replace && errors.As(err, &none) {
			r.debug("the control socket is in nobody's use, unlinking: %v", none.Remove())
		}
		if !do.share {
			r.plan.Sharing.Master = "no"
		}
	}
	if sharing := r.plan.Sharing; sharing.Shares() && sharing.Persist && !sharing.Holder {
		return r.persist(ctx, local)
	}
	return r.alone(ctx, local)
}

// alone is a session on a connection of its own.
func (r *relay) alone(ctx context.Context, local session.Local) (int, error) {
	defer r.endInquiry()
	conn, err := r.reach(ctx)
	if err != nil {
		return 0, err
	}
	r.introduce(ctx, &local)
	code, err := session.Run(ctx, r.plan, conn, r.begin, local)
	for r.reconnect(ctx, err, &local) {
		if conn, err = r.attempts(ctx, r.plan); err != nil {
			return 0, err
		}
		code, err = session.Run(ctx, r.plan, conn, r.begin, local)
	}
	r.doubt(ctx, err)
	return code, err
}

// shared is a session on the connection of a live master. That there is none to be had is a *control.MasterError or a
// *control.NoSessionError.
func shared(ctx context.Context, plan config.Plan, local session.Local) (int, error) {
	master, err := control.Dial(ctx, plan.Sharing.Path)
	if err != nil {
		return 0, err
	}
	return session.Join(ctx, plan, master, local)
}

// lack is what to do without a master.
type lack struct {
	tell    bool // why
	replace bool // the socket that is in the way
	share   bool // be a master, if the plan says so
}

// withoutMaster decides what takes the place of a session that there was no master for. It returns false if nothing does.
func withoutMaster(sharing config.Sharing, err error) (do lack, ok bool) {
	var none *control.MasterError
	var refused *control.NoSessionError
	var long *control.PathError
	replaceable := sharing.Master != "no"
	switch {
	case err == nil || sharing.Command != "" || errors.As(err, &long):
		return lack{}, false
	case errors.As(err, &refused):
		return lack{tell: true}, true // the master stays what it is
	case !errors.As(err, &none):
		return lack{}, false
	case errors.Is(err, control.ErrNone):
		return lack{share: true}, true
	case errors.Is(err, control.ErrStale):
		return lack{tell: !replaceable, replace: replaceable, share: true}, true
	case errors.Is(err, control.ErrSilent):
		return lack{tell: true, replace: replaceable, share: true}, true
	}
	return lack{tell: true}, true
}

// exitTaken is how a process that was to be the master that stays tells that there is one already.
const exitTaken = 254

// persist has a second process be the master, from before it connects, and is a client of that.
func (r *relay) persist(ctx context.Context, local session.Local) (int, error) {
	plan, holder := r.plan, r.plan
	holder.SessionType, holder.Command, holder.StdinNull, holder.Fork = "none", "", true, false
	holder.Sharing.Holder = true
	code, err := second(ctx, holder, plan.Sharing.Path, "[mux]")
	if err != nil || code != 0 && code != exitTaken {
		return code, err
	}
	if plan.SessionType == "none" {
		return 0, nil
	}
	code, err = shared(ctx, plan, local)
	if _, ok := withoutMaster(plan.Sharing, err); !ok {
		return code, err
	}
	r.plan.Sharing.Master = "no"
	return r.alone(ctx, local)
}
