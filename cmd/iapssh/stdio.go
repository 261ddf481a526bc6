package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
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
	defer r.endInquiry()
	conn, err := r.dial(ctx)
	if err == nil {
		r.ensured(ctx)
		err = tunnel.Stdio(ctx, conn, os.Stdin, os.Stdout)
		stats = conn.Stats()
	}
	audit.stdio(began, stats, err)
	var output *tunnel.OutputError
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return exitCode(plan) // whoever ended us does not wait for an explanation
	case errors.As(err, &output) && output.ReaderGone():
		r.debug("%v", err) // nor does who no longer listens
		return exitCode(plan)
	}
	return r.fail(ctx, err)
}

// ensured waits until the key of --ensure-key is sure to be let in, or it is clear that it is not: the connection is made in any case,
// since whoever logs in may have other keys. What the VM has published of its own keys is there for who logs in to compare.
func (r *relay) ensured(ctx context.Context) {
	if r.sure == nil {
		return
	}
	facts, err := r.sure.Wait()
	if err := proofOf(facts).Store(filepath.Join(r.plan.SSHDir, googleKnownHosts)); err != nil {
		r.debug("%v", err)
	}
	if err == nil || ctx.Err() != nil || r.plan.LogLevel < config.LogError {
		return
	}
	failure := report.Of(err, r.facts(ctx, err))
	failure.Cause = "not sure that " + r.plan.KeyFile + " is let in: " + failure.Cause
	io.WriteString(r.messages, failure.Line())
}
