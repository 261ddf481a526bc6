package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/jsonlog"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tunnel"
	"github.com/iapssh/iapssh/transport/iap"
)

// What a tunnel's log tells: errors and what gcloud tells without -v; with -v clients, and links that break and come back; with -vv
// each step on the way to the relay; with -vvv the numbers of each session.

// trace tells what happens to the clients of one port.
func (t *tunnelRun) trace(i int) tunnel.Trace {
	port := slog.Int("port", t.ports[i])
	return tunnel.Trace{
		Opened: func(c tunnel.Connection) {
			t.event(config.LogDebug1, "session opened", append(aboutClient(c), port)...)
		},
		Failed: func(c tunnel.Connection, err error) {
			t.broken(config.LogError, i, c, err)
			t.audits[i].client(c, err)
		},
		Closed: func(c tunnel.Connection, err error) {
			t.closed(i, c, err)
			t.audits[i].client(c, err)
		},
		AcceptFailed: func(err error, pause time.Duration) {
			text := fmt.Sprintf("iapssh: no client can be accepted on port %d for %v: %s", t.ports[i], pause, report.Clean(err.Error()))
			t.event(config.LogError, text)
		},
	}
}

// aboutClient is who an event is about.
func aboutClient(c tunnel.Connection) []slog.Attr {
	return []slog.Attr{slog.Int("id", c.ID), slog.String("client", c.Client.String())}
}

// closed tells of the end of a client that had a session.
func (t *tunnelRun) closed(i int, c tunnel.Connection, err error) {
	what := append(aboutClient(c), slog.Duration("lasted", time.Since(c.Began).Round(time.Millisecond)), slog.Uint64("sent", c.Sent), slog.Uint64("received", c.Received))
	var local *tunnel.LocalError
	if errors.As(err, &local) {
		what = append(what, slog.String("cause", report.Clean(err.Error())))
	}
	t.event(config.LogDebug1, "session closed", what...)
	if s := c.Session; t.plan.LogLevel >= config.LogDebug3 {
		t.event(config.LogDebug3, "session numbers", append(aboutClient(c), slog.Uint64("frames_in", s.FramesIn), slog.Uint64("frames_out", s.FramesOut),
			slog.Uint64("acks_in", s.AcksIn), slog.Uint64("acks_out", s.AcksOut), slog.Int("resumes", s.Resumes), slog.Duration("rtt", s.RTT),
			slog.Duration("dialed", s.Phases.Session))...)
	}
	var closed *iap.CloseError
	switch {
	case err == nil || local != nil:
	case errors.As(err, &closed) && (closed.Code == iap.CloseReadFailed || closed.Code == iap.CloseWriteFailed):
		t.broken(config.LogVerbose, i, c, err) // what listens on the VM may end its connections as it likes
	default:
		t.broken(config.LogError, i, c, err)
	}
}

// broken tells, in gcloud's words, of a client that has no session or none any more.
func (t *tunnelRun) broken(level config.LogLevel, i int, c tunnel.Connection, err error) {
	f := report.Of(err, t.facts(i))
	f.Speaker = t.plan.Speaker
	f.Cause = fmt.Sprintf("[%d] Error during local connection to [%s]: %s", c.ID, c.Client, f.Cause)
	t.event(level, strings.TrimSuffix(f.Line(), "\n"), append(aboutClient(c), slog.Int("exit", report.Exit(err)))...)
}

// relayTrace tells what goes on between us and the relay.
func (t *tunnelRun) relayTrace() *iap.Trace {
	trace := &iap.Trace{}
	if t.plan.LogLevel >= config.LogDebug2 {
		trace = traceSteps(debugAt(t.messages, 2))
	}
	if t.plan.LogLevel >= config.LogDebug1 {
		traceLink(trace, debugAt(t.messages, 1))
	}
	return trace
}

// event writes one line: for a person text, and what it is about only where the text does not say it; else JSON.
func (t *tunnelRun) event(level config.LogLevel, text string, about ...slog.Attr) {
	if t.plan.LogLevel < level {
		return
	}
	if structured, ok := t.messages.To().(*jsonlog.Writer); ok {
		structured.Event(levelName(level), text, about...)
		return
	}
	if level >= config.LogDebug1 {
		text = levelName(level) + ": " + text
		for _, a := range about {
			text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		}
	}
	io.WriteString(t.messages, text+"\n")
}

// levelName is what ssh writes before a line of a level.
func levelName(level config.LogLevel) string {
	if level == config.LogDebug1 {
		return "debug1"
	}
	return strings.ToLower(level.String())
}
