package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/sshclient/control"
)

// ErrTaken says that a master that was to stay found another in its place.
var ErrTaken = errors.New("there is a master already")

// share begins to share the connection, if the plan says so. That somebody else does
// already is told and no error, but to a process that was started for nothing else.
func (r *run) share() error {
	if !r.plan.Sharing.Shares() {
		return nil
	}
	listener, err := control.Listen(r.plan.Sharing.Path)
	switch {
	case errors.Is(err, control.ErrExists) && r.plan.Sharing.Holder:
		return ErrTaken
	case errors.Is(err, control.ErrExists):
		r.out.error(fmt.Sprintf("ControlSocket %s already exists, disabling multiplexing", r.plan.Sharing.Path))
		return nil
	case err != nil:
		return err
	}
	cfg := control.ServerConfig{Client: r.client, Host: r.plan.Original, Passengers: passengers{r}, Log: r.out.log}
	if r.plan.Forwarding.X11 {
		cfg.X11 = r.x11
	}
	if r.plan.Sharing.Confirms() {
		cfg.Confirm = r.confirm
	}
	r.server = control.Serve(listener, cfg)
	r.work.Go(r.obeyExit)
	return nil
}

// obeyExit ends the connection when a client asks for that.
func (r *run) obeyExit() {
	select {
	case <-r.server.Exit():
		r.client.Close()
	case <-r.client.Done():
	}
}

// askedToExit says whether a client has asked for the end.
func (r *run) askedToExit() bool {
	if r.server == nil {
		return false
	}
	select {
	case <-r.server.Exit():
		return true
	default:
		return false
	}
}

// confirm asks the user whether somebody may use the connection: by SSH_ASKPASS alone, as
// in ssh, since the terminal is the session's.
func (r *run) confirm(ctx context.Context, question string) bool {
	program := askpass(r.local.Environ, false)
	if program == "" {
		return false
	}
	answer, err := newAsker(r.local).run(ctx, program, question)
	return err == nil && (answer == "" || strings.EqualFold(answer, "yes"))
}

// awaitClients returns when the last of those who share the connection has gone. A session that
// is over does not take theirs with it.
func (r *run) awaitClients(ctx context.Context) {
	if r.server != nil && !r.abandoned {
		r.server.Wait(ctx, 0)
	}
}

// hold keeps a connection for others alone.
func (r *run) hold(ctx context.Context) (int, error) {
	idle := control.Forever
	if r.plan.Sharing.Persist && r.plan.Sharing.Idle > 0 {
		idle = r.plan.Sharing.Idle
	}
	r.server.Wait(ctx, idle)
	if lost := r.client.Err(); lost != nil && !r.askedToExit() {
		return 0, r.ended(ctx, lost)
	}
	return 0, nil // asked for, or idle for long enough
}
