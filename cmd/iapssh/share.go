package main

import (
	"context"
	"errors"
	"io"
	"net"

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
		code, err := r.shared(ctx, plan, local)
		if !r.insteadOfMaster(err) {
			return code, err
		}
	}
	if sharing := r.plan.Sharing; sharing.Shares() && sharing.Persist && !sharing.Holder {
		return r.persist(ctx, local)
	}
	return r.alone(ctx, local)
}

// alone is a session on a connection of its own.
func (r *relay) alone(ctx context.Context, local session.Local) (code int, err error) {
	err = r.follow(ctx, &local, func(conn net.Conn) (err error) {
		code, err = session.Run(ctx, r.plan, conn, r.begin, local)
		return err
	})
	return code, err
}

// follow reaches the plan's host, has use do what there is to do over the connection, and once more if the VM has been given a key.
func (r *relay) follow(ctx context.Context, local *session.Local, use func(net.Conn) error) error {
	defer r.endInquiry()
	r.boundTries()
	return r.patiently(ctx, func() error {
		plan := r.plan
		err := r.followOnce(ctx, local, use)
		if err != nil && plan.Wait > 0 {
			r.forget(ctx, plan)
		}
		return err
	})
}

// forget takes back what a try has made of a plan by what it learnt of a VM, which it may have met before that was ready.
func (r *relay) forget(ctx context.Context, plan config.Plan) {
	plan.Route, plan.IAP = r.plan.Route, r.plan.IAP
	r.complete(plan)
	if r.inquiry != nil {
		r.inquiry.Stop()
		r.inquiry.Drop(ctx)
	}
}

func (r *relay) followOnce(ctx context.Context, local *session.Local, use func(net.Conn) error) error {
	conn, err := r.reach(ctx)
	if err != nil {
		return err
	}
	goOn := r.outerStandsStill()
	r.introduce(ctx, local)
	goOn()
	err = r.timed(local, conn, use)
	for r.reconnect(ctx, err, local) {
		if conn, err = r.attempts(ctx, r.plan); err != nil {
			return err
		}
		err = r.timed(local, conn, use)
	}
	r.doubt(ctx, err)
	return err
}

// timed is use, with its phases.
func (r *relay) timed(local *session.Local, conn net.Conn, use func(net.Conn) error) error {
	r.times.meet(local, "")
	err := use(conn)
	r.times.part(err)
	return err
}

// shared is a session on the connection of a live master. That there is none to be had is a *control.MasterError or a
// *control.NoSessionError.
func (r *relay) shared(ctx context.Context, plan config.Plan, local session.Local) (int, error) {
	over := r.times.phase("master")
	master, err := control.Dial(ctx, plan.Sharing.Path)
	over(err)
	if err != nil {
		return 0, err
	}
	r.times.meet(&local, session.StepAuthenticated)
	code, err := session.Join(ctx, plan, master, local)
	r.times.part(err)
	return code, err
}

// insteadOfMaster says whether a connection of one's own takes the place of a master's, and prepares for that.
func (r *relay) insteadOfMaster(err error) bool {
	do, ok := withoutMaster(r.plan.Sharing, err)
	if !ok {
		return false
	}
	if do.tell && r.plan.LogLevel >= config.LogError {
		io.WriteString(r.messages, report.Of(err, report.Facts{}).Lines())
	}
	var none *control.MasterError
	if do.replace && errors.As(err, &none) {
		r.debug("the control socket is in nobody's use, unlinking: %v", none.Remove())
	}
	if !do.share {
		r.plan.Sharing.Master = "no"
	}
	return true
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
	holder.StdioForward = config.Endpoint{}
	holder.Sharing.Holder = true
	code, err := second(ctx, holder, plan.Sharing.Path, "[mux]")
	if err != nil || code != 0 && code != exitTaken {
		return code, err
	}
	if plan.SessionType == "none" && plan.StdioForward == (config.Endpoint{}) {
		return 0, nil
	}
	code, err = r.shared(ctx, plan, local)
	if _, ok := withoutMaster(plan.Sharing, err); !ok {
		return code, err
	}
	r.plan.Sharing.Master = "no"
	return r.alone(ctx, local)
}
