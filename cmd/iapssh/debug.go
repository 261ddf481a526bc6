package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/transport/iap"
)

// debugLines writes lines in the form of ssh -v.
func debugLines(w io.Writer) func(format string, args ...any) {
	return debugAt(w, 1)
}

// debugAt writes them in that of more v's.
func debugAt(w io.Writer, v int) func(format string, args ...any) {
	return func(format string, args ...any) {
		io.WriteString(w, fmt.Sprintf("debug%d: %s\n", v, report.Clean(fmt.Sprintf(format, args...))))
	}
}

// loggedRequests tells of each request, but for bodies, which hold secrets.
type loggedRequests struct {
	http.RoundTripper
	debug func(format string, args ...any)
}

func (l loggedRequests) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := l.RoundTripper.RoundTrip(req)
	status := outcome(err)
	if err == nil {
		status = resp.Status
	}
	l.debug("%s %s: %s, after %v", req.Method, req.URL.Redacted(), status, time.Since(began).Round(time.Millisecond))
	return resp, err
}

// CloseIdleConnections is for [http.Client].
func (l loggedRequests) CloseIdleConnections() {
	(&http.Client{Transport: l.RoundTripper}).CloseIdleConnections()
}

// traceTo tells how a dial of the relay goes, and what becomes of the link.
func traceTo(debug func(format string, args ...any)) *iap.Trace {
	trace := traceSteps(debug)
	traceLink(trace, debug)
	return trace
}

// traceLink tells what becomes of a session's link.
func traceLink(trace *iap.Trace, debug func(format string, args ...any)) {
	trace.Lost = func(err error) { debug("link to the relay lost, the session will be resumed: %v", err) }
	trace.Retry = func(err error, pause time.Duration) { debug("trying again in %v, after: %v", pause, err) }
	trace.Resumed = func(outage time.Duration) { debug("session resumed after %v", outage) }
}

// traceSteps tells how a dial goes.
func traceSteps(debug func(format string, args ...any)) *iap.Trace {
	return &iap.Trace{
		Token: func(err error) { debug("access token: %s", outcome(err)) },
		Connect: func(addr, proxy string, conn net.Conn, err error) {
			if proxy != "" {
				addr += " through proxy " + proxy
			}
			debug("Connecting to relay %s: %s", addr, outcome(err))
		},
		TLS:     func(_ tls.ConnectionState, err error) { debug("TLS with the relay: %s", outcome(err)) },
		Upgrade: func(status int, err error) { debug("WebSocket upgrade: status %d, %s", status, outcome(err)) },
		Session: func(err error) { debug("session with the VM: %s", outcome(err)) },
	}
}

func outcome(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}
