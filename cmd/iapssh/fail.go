package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
)

// complain reports a failure that came before anything was tried: a command line or configuration that cannot be followed.
func complain(w io.Writer, plan config.Plan, err error) int {
	failure := report.Of(err, report.Facts{})
	failure.Speaker = plan.Speaker
	var usage *config.UsageError
	switch {
	case plan.Mode == config.ModeStdio:
		io.WriteString(w, failure.Line())
		return failed(plan, failure, "")
	case plan.Mode.HasOwnCodes() || plan.Speaker != "": // gcloud exits with 2 as well
		io.WriteString(w, failure.Lines())
		return failedAs(report.Exit(err), plan, failure, "")
	case !errors.As(err, &usage) || usage.Text != "":
		io.WriteString(w, failure.Lines())
	}
	if usage != nil && usage.Synopsis {
		io.WriteString(w, config.Synopsis)
	}
	return failed(plan, failure, "")
}

// concede reports a failure in a mode that has exit codes of its own.
func (r *relay) concede(failure report.Failure, err error) int {
	if r.plan.LogLevel >= config.LogError {
		io.WriteString(r.messages, failure.Lines())
	}
	return failedAs(report.Exit(err), r.plan, failure, r.principal())
}

// output writes what was asked for to stdout, and gives the exit code.
func output(plan config.Plan, messages *session.Messages, text string) int {
	if _, err := io.WriteString(os.Stdout, text); err != nil {
		return complain(messages, plan, err)
	}
	return 0
}

// fail reports why what was to be done over a relay came to nothing.
func (r *relay) fail(ctx context.Context, err error) int {
	failure := report.Of(err, r.facts(ctx, err))
	plan := r.current()
	failure.Speaker = plan.Speaker
	text := failure.Lines()
	if plan.Mode == config.ModeStdio {
		text = failure.Line()
	}
	if plan.LogLevel >= config.LogError {
		io.WriteString(r.messages, text)
	}
	return failed(plan, failure, r.principal())
}

// failed tells programs of a failure, after people, and gives the exit code. principal is who asked Google, or empty.
func failed(plan config.Plan, failure report.Failure, principal string) int {
	target := plan.Host
	if plan.Route == config.RouteIAP && plan.IAP.Instance != "" {
		target = plan.IAP.FullName()
	}
	if sink := errorSink(plan.Failing); sink != nil {
		_, _ = sink.Write(failure.JSON(principal, target)) // who closed it does not want it
		sink.Close()
	}
	return exitCode(plan)
}

// failedAs is failed in a mode whose exit codes are not ssh's.
func failedAs(code int, plan config.Plan, failure report.Failure, principal string) int {
	failed(plan, failure, principal)
	return cmp.Or(plan.Failing.Code, code)
}

// errorSink is where programs want to be told, nil if nowhere. A pipe without a reader is nowhere.
func errorSink(f config.Failing) *os.File {
	if f.FD != 0 {
		return os.NewFile(uintptr(f.FD), "--error-fd")
	}
	if f.File == "" {
		return nil
	}
	sink, err := os.OpenFile(f.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil
	}
	return sink
}

// exitCode is that of a failure of ours.
func exitCode(plan config.Plan) int {
	if plan.Failing.Code != 0 {
		return plan.Failing.Code
	}
	return report.ExitFailure
}
