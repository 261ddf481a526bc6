package session

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/control"
)

// Join does what plan says on the connection that a master shares, and gives the exit code as Run does. The error is a
// *control.NoSessionError if the master or the server refuses.
func Join(ctx context.Context, plan config.Plan, master *control.Master, local Local) (int, error) {
	r := newRun(plan, nil, time.Time{}, local)
	stop := context.AfterFunc(ctx, func() { master.Close() })
	defer stop()
	if err := askForForwards(plan, master, r.out); err != nil {
		master.Close()
		return 0, &control.NoSessionError{Err: err}
	}
	if plan.StdioForward != (config.Endpoint{}) && master.Foreign() {
		return r.passStdio(ctx, master)
	}
	if master.Foreign() {
		r.plan.Forwarding.X11 = false // the server's channels would not come to us
	}
	if err := r.join(master); err != nil {
		return 0, err
	}
	defer r.hangUp()
	return r.finish(ctx)
}

// passStdio is -W by a master that reads and writes our standard files itself.
func (r *run) passStdio(ctx context.Context, master *control.Master) (int, error) {
	defer master.Close()
	if err := master.Forward(sshclient.Endpoint(r.plan.StdioForward), r.local.Stdin, r.local.Stdout); err != nil {
		return 0, noSession(ctx, err)
	}
	r.step(StepOpened)
	if err := r.detach(ctx); err != nil {
		return 0, err
	}
	master.Wait()
	return 0, context.Cause(ctx)
}

// noSession is why a master has not given what it was asked for.
func noSession(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &control.NoSessionError{Err: err}
}

// JumpShared is Jump on a connection to the jump host that a master shares. The error is a *control.NoSessionError if the master
// refuses.
func JumpShared(ctx context.Context, plan config.Plan, master *control.Master, local Local) (net.Conn, error) {
	r := newRun(plan, nil, time.Time{}, local)
	if master.Foreign() {
		return r.jumpByFiles(ctx, master)
	}
	if err := r.join(master); err != nil {
		return nil, err
	}
	return r.jump(ctx)
}

// jumpByFiles is jump by a master that has the other ends of two pipes.
func (r *run) jumpByFiles(ctx context.Context, master *control.Master) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { master.Close() })
	conn, err := master.Connect(sshclient.Endpoint(r.plan.StdioForward))
	if !stop() && err == nil {
		conn.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		master.Close()
		return nil, noSession(ctx, err)
	}
	r.step(StepOpened)
	return &passedConn{conn}, nil
}

// passedConn is a connection through a jump host that a master has.
type passedConn struct{ net.Conn }

// RemoteAddr has no address of the far side, which only the jump host knows.
func (*passedConn) RemoteAddr() net.Addr { return beyond{} }

// join makes the client on a master's connection.
func (r *run) join(master *control.Master) (err error) {
	r.client, err = master.Join(sshclient.Config{Host: r.plan.Host, ForwardAgent: r.plan.ForwardAgent, Log: r.out.log})
	if err != nil {
		master.Close()
		return &control.NoSessionError{Err: err}
	}
	return nil
}

// startShared is start on a connection that another process holds. ConnectTimeout is how long its server may take.
func (r *run) startShared(ctx context.Context, command sshclient.Command) (*sshclient.Session, error) {
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if r.plan.ConnectTimeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, r.plan.ConnectTimeout)
	}
	defer cancel()
	word := time.AfterFunc(linkPatience, r.tellOfLink)
	defer word.Stop()
	s, err := r.client.Start(bounded, command)
	_, refused := errors.AsType[*ssh.OpenChannelError](err)
	switch {
	case err == nil:
		return s, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case refused:
		return nil, &control.NoSessionError{Err: control.ErrOpenRefused}
	case bounded.Err() != nil, errors.Is(err, sshclient.ErrMasterGone):
		return nil, &control.NoSessionError{Err: err}
	}
	return nil, r.ended(ctx, err)
}

// tellOfLink says why a session is not there yet.
func (r *run) tellOfLink() {
	if _, down := r.client.LinkDown(); down {
		r.out.info("iapssh: the shared connection to IAP broke, waiting until it is resumed; Ctrl-C gives up")
	}
}
