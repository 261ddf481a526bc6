package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tunnel"
	"github.com/iapssh/iapssh/transport/iap"
)

// stdio carries one connection on stdin and stdout: nothing but its bytes on stdout, and one line on stderr if it fails.
func stdio(ctx context.Context, plan config.Plan, messages *session.Messages) int {
	r, audit, err := openRelay(plan, messages)
	if err != nil {
		return complain(messages, plan, err)
	}
	defer audit.close()
	began, stats := time.Now(), iap.Stats{}
	conn, err := r.dial(ctx)
	if err == nil {
		err = tunnel.Stdio(ctx, conn, os.Stdin, os.Stdout)
		stats = conn.Stats()
	}
	audit.stdio(began, stats, err)
	var output *tunnel.OutputError
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil || errors.As(err, &output):
		// Whoever ended us, or no longer listens, does not wait for an explanation.
		return exitCode(plan)
	}
	return r.fail(ctx, err)
}
