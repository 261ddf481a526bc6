package main

import (
	"context"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/wait"
)

// An address that does not answer within ConnectTimeout is one that --wait waits for, as where the system loses patience first.
func TestDirectTimeout(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.DeadlineExceeded)
	_, err := direct(ctx, config.Plan{Host: "192.0.2.1", Port: 22})
	if got := report.Of(err, report.Facts{}).Cause; got != "ssh: connect to host 192.0.2.1 port 22: Connection timed out" || !wait.Hopeful(err) {
		t.Errorf("%s, %v", got, wait.Hopeful(err))
	}
}
