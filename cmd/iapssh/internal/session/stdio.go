package session

import (
	"context"
	"errors"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/sshclient"
)

// forwardStdio is -W: standard input and output are a connection of the server's.
func (r *run) forwardStdio(ctx context.Context) (int, error) {
	conn, err := r.dialOnward(ctx)
	if err != nil {
		return 0, err
	}
	stdin, err := tty.NewReader(r.local.Stdin)
	if err != nil {
		return 0, err
	}
	if err := r.detach(ctx, r.local.Stdin, r.local.Stdout); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go r.carryStdio(conn, stdin, ended)
	select {
	case err = <-ended:
	case <-ctx.Done(): // whoever should read standard output may not
		return 0, context.Cause(ctx)
	}
	r.out.log(sshclient.Debug1, "stdio forwarding: done")
	if lost := r.client.Err(); lost != nil {
		return 0, r.ended(ctx, lost)
	}
	if errors.Is(err, syscall.EPIPE) { // who read has seen enough
		return 0, nil
	}
	return 0, err
}

// carryStdio moves the bytes. It ends before the process does unless standard output blocks.
func (r *run) carryStdio(conn *sshclient.Conn, stdin *tty.Reader, ended chan<- error) {
	defer stdin.Close()
	ended <- conn.Run(sshclient.Streams{Stdin: stdin, Stdout: r.watched(r.local.Stdout)})
}

// dialOnward opens the connection to plan.StdioForward.
func (r *run) dialOnward(ctx context.Context) (*sshclient.Conn, error) {
	conn, err := r.client.Dial(ctx, sshclient.Endpoint(r.plan.StdioForward), sshclient.Endpoint{})
	var refused *sshclient.OpenError
	if err != nil && !errors.As(err, &refused) {
		err = r.ended(ctx, err)
	}
	if err == nil {
		r.step(StepOpened)
	}
	return conn, err
}
