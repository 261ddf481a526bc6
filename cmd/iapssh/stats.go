package main

import (
	"context"
	"io"
	"net"
	"os"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tunnel"
)

// rateTime is over how long what goes on "now" is measured.
const rateTime = time.Second

// serveMetrics serves them in the background, if they are wanted; an error says that the address cannot be had.
func (t *tunnelRun) serveMetrics(ctx context.Context) (stop func(), err error) {
	addr := t.plan.Tunnel.MetricsAddr
	if addr == "" {
		return func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &tunnel.BusyError{Port: portOf(addr), Err: err}
	}
	m := tunnel.Metrics{Listener: l, Snapshot: t.snapshot}
	go m.Serve()
	return m.Close, nil
}

func portOf(addr string) int {
	_, port, _ := net.SplitHostPort(addr)
	n, _ := net.LookupPort("tcp", port)
	return n
}

// tellStats writes a snapshot whenever somebody asks for one.
func (t *tunnelRun) tellStats(ctx context.Context, asked <-chan os.Signal) {
	for {
		select {
		case <-asked:
		case <-ctx.Done():
			return
		}
		before := t.snapshot()
		select {
		case <-time.After(rateTime):
		case <-ctx.Done():
			return
		}
		io.WriteString(t.messages, t.snapshot().Text(before))
	}
}

func (t *tunnelRun) snapshot() tunnel.Snapshot {
	shot := t.server.Snapshot()
	for _, r := range t.relays {
		shot.Tokens += r.tokensUsed()
	}
	return shot
}
