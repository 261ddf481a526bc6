// Package report turns errors into what a person reads: a line of cause, a line with the way out, and an exit code. It is the
// only place that does; below it errors carry data. To give a close code of the relay other words, change closeCause in
// relay.go; to give another error a text, add it to Of.
package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/transport/iap"
)

// ExitFailure is the exit code of every failure of ours, as in ssh; the remote command's codes pass through unchanged.
const ExitFailure = 255

// Facts is what an error does not know itself.
type Facts struct {
	Principal string     // who asked: an e-mail, or empty
	Origin    string     // where the credential was found, or empty
	SignIn    string     // the command that renews the credential, or empty
	Other     string     // another account that might have been meant, or empty
	OtherWay  string     // what selects it
	Target    iap.Target // of a session that had begun
}

// who names the principal, or what is known instead.
func (f Facts) who() string {
	switch {
	case f.Principal != "":
		return f.Principal
	case f.Origin != "":
		return "the account of " + f.Origin
	}
	return "the account in use"
}

// signIn says how to sign in again, as far as that is known.
func (f Facts) signIn() string {
	if f.SignIn == "" {
		return "check the credential of " + f.who()
	}
	return "run: " + f.SignIn
}

// other names who else might have been meant.
func (f Facts) other() string {
	if f.Other == "" {
		return ""
	}
	return fmt.Sprintf("to be %s, %s; else ", f.Other, f.OtherWay)
}

// member names the principal as IAM's commands want it.
func (f Facts) member() string {
	switch {
	case f.Principal == "":
		return "user:EMAIL"
	case strings.HasSuffix(f.Principal, ".gserviceaccount.com"):
		return "serviceAccount:" + f.Principal
	}
	return "user:" + f.Principal
}

// Failure is what to tell.
type Failure struct {
	Cause string // one line
	Fix   string // one line, may be empty
	// Verbatim says that the cause is in ssh's own words, which programs look for, and gets no name before it.
	Verbatim bool
}

// Lines gives the failure for a person: the cause, then the way out.
func (f Failure) Lines() string { return f.join("\n") }

// Line gives the failure as a single line, for programs that drive us and show no more.
func (f Failure) Line() string { return f.join(": ") }

func (f Failure) join(between string) string {
	text := f.Cause
	if !f.Verbatim {
		text = "iapssh: " + text
	}
	if f.Fix != "" {
		text += between + f.Fix
	}
	return text + "\n"
}

// Of explains an error.
func Of(err error, facts Facts) Failure {
	for _, explain := range []func(error, Facts) (Failure, bool){ofConfig, ofNetwork, ofGoogle, ofCredentials, ofRelay, ofSSH} {
		if f, ok := explain(err, facts); ok {
			f.Cause, f.Fix = Clean(f.Cause), Clean(f.Fix)
			return f
		}
	}
	return Failure{Cause: Clean(err.Error())}
}

func ofConfig(err error, _ Facts) (Failure, bool) {
	var missing *config.MissingError
	var unsupported *config.UnsupportedError
	var usage *config.UsageError
	var bad *config.ConfigError
	switch {
	case errors.As(err, &missing):
		return Failure{Cause: missing.Error(), Fix: missing.Fix}, true
	case errors.As(err, &unsupported):
		return Failure{Cause: unsupported.Error(), Fix: unsupported.Fix}, true
	case errors.As(err, &usage):
		return Failure{Cause: usage.Text, Verbatim: !usage.Ours}, true
	case errors.As(err, &bad):
		return Failure{Cause: err.Error(), Verbatim: true}, true // all of a file's bad lines
	}
	return Failure{}, false
}

func ofCredentials(err error, _ Facts) (Failure, bool) {
	var advisor interface {
		error
		Advice() string
	}
	var roots *creds.RootsError
	switch {
	case errors.As(err, &advisor):
		f := Failure{Cause: "cannot sign in to Google: " + advisor.Error()}
		if advice := advisor.Advice(); advice != "" {
			f.Fix = "run: " + advice
		}
		return f, true
	case errors.As(err, &roots):
		return Failure{Cause: roots.Error(), Fix: "correct core/custom_ca_certs_file in gcloud's configuration, or CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"}, true
	}
	return Failure{}, false
}

// ofRelay explains a dial that failed, and a session that ended.
func ofRelay(err error, facts Facts) (Failure, bool) {
	var dial *iap.DialError
	var closed *iap.CloseError
	var link *iap.LinkError
	var protocol *iap.ProtocolError
	switch {
	case errors.As(err, &dial):
		return ofDial(dial, facts), true
	case errors.As(err, &closed) && closed.Code != iap.CloseNormal:
		return ofEnd(closed, facts), true
	case errors.As(err, &link):
		return Failure{Cause: fmt.Sprintf("the connection to %s broke: %v", what(facts.Target), link.Err), Fix: "check the network and connect again"}, true
	case errors.As(err, &protocol):
		return Failure{Cause: protocol.Error(), Fix: "please report this"}, true
	}
	return Failure{}, false
}

// Clean makes a text that may hold bytes from the network fit for one line of a terminal.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, strings.ReplaceAll(strings.TrimSpace(s), "\n", "; "))
}

// Clean's judgement of one character: what controls a terminal, or turns the direction of writing, is not shown.
func unprintable(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}
