// Package report turns errors into what a person reads: a line of cause, a line with the way out, and an exit code. It is the
// only place that does; below it errors carry data.
//
// What is reported by a code (of the relay, of HTTP, of an API) has a row in table.go, which [Explain] prints; relay.go finds the
// row for an error of the transport, target.go the words that depend on the kind of target, vm.go those of what is wrong with a VM.
// ssh.go, share.go and hop.go have ssh's own failures, in ssh's words; google.go those of Google's APIs and of signing in, network.go
// those of the way there. exit.go gives the exit codes, json.go the line for programs. To give a code other words, change its row; to
// give another error a text, add it to [Of].
package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/transport/iap"
)

// ExitFailure is the exit code of every failure of ours in ssh's place, as in ssh; the remote command's codes pass through
// unchanged. [Exit] gives those of the other modes.
const ExitFailure = 255

// Facts is what an error does not know itself.
type Facts struct {
	Principal string     // who asked: an e-mail, or empty
	Origin    string     // where the credential was found, or empty
	SignIn    string     // the command that renews the credential, or empty
	Other     string     // another account that might have been meant, or empty
	OtherWay  string     // what selects it
	Granted   bool       // the principal is known to have the role that IAP asks for
	Target    iap.Target // of a session that had begun
	Keys      error      // why the VM was not given a key, with the way out unless an API refused; or nil
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
	case strings.Contains(f.Principal, "://"): // of a workforce
		return f.Principal
	}
	return "user:" + f.Principal
}

// Failure is what to tell.
type Failure struct {
	Cause string // one line
	Fix   string // one line, may be empty
	Where string // one line, if it is not the host that was asked for; may be empty

	Stage     Stage
	Code      string // of the relay, HTTP, an API or ours; may be empty
	Retryable bool   // the same may succeed later, with nothing changed
	Denied    bool   // who asks may not, or is nobody yet
	Missing   string // the role or the rule that is missing; may be empty

	// Verbatim says that the cause is in ssh's own words, which programs look for, and gets no name before it.
	Verbatim bool
	// Speaker is the command of gcloud's in whose place we fail, and whose words programs look for; empty: we speak for ourselves.
	Speaker string
}

// Lines gives the failure for a person: the cause, then the way out.
func (f Failure) Lines() string { return f.join("\n") }

// Line gives the failure as a single line, for programs that drive us and show no more.
func (f Failure) Line() string { return f.join(": ") }

func (f Failure) join(between string) string {
	text := f.Cause
	switch {
	case f.Verbatim:
	case f.Speaker != "":
		text = "ERROR: (" + f.Speaker + ") " + text
	default:
		text = "iapssh: " + text
	}
	if f.Fix != "" {
		text += between + f.Fix
	}
	if f.Where != "" {
		text += between + "iapssh: " + f.Where
	}
	return text + "\n"
}

// Of explains an error.
func Of(err error, facts Facts) Failure {
	for _, explain := range []func(error, Facts) (Failure, bool){ofHop, ofConfig, ofNetwork, ofVM, ofGoogle, ofCredentials, ofRelay, ofSSH} {
		if f, ok := explain(err, facts); ok {
			f.Cause, f.Fix, f.Where, f.Missing = Clean(f.Cause), Clean(f.Fix), Clean(f.Where), Clean(f.Missing)
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
		return Failure{Stage: StageConfig, Cause: missing.Error(), Fix: missing.Fix, Missing: missing.What}, true
	case errors.As(err, &unsupported):
		return Failure{Stage: StageConfig, Cause: unsupported.Error(), Fix: unsupported.Fix}, true
	case errors.As(err, &usage):
		return Failure{Stage: StageConfig, Cause: usage.Text, Verbatim: !usage.Ours}, true
	case errors.As(err, &bad):
		return Failure{Stage: StageConfig, Cause: err.Error(), Verbatim: true}, true // all of a file's bad lines
	}
	return Failure{}, false
}

// ofCredentials explains why there is no access token.
func ofCredentials(err error, facts Facts) (Failure, bool) {
	var advisor interface {
		error
		Advice() string
	}
	var roots *creds.RootsError
	switch {
	case errors.As(err, &advisor):
		d := details{facts: facts, err: advisor.Error()}
		if advice := advisor.Advice(); advice != "" {
			d.mend = "run: " + advice
		}
		code := ""
		if refresh := (*creds.RefreshError)(nil); errors.As(err, &refresh) {
			code = refreshCode(refresh)
			d.creator = refresh.Principal
		}
		return d.failure(StageSignIn, code), true
	case errors.As(err, &roots):
		return Failure{Stage: StageConfig, Cause: roots.Error(), Fix: "correct core/custom_ca_certs_file in gcloud's configuration, or CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"}, true
	}
	return Failure{}, false
}

// refreshCode is what the table knows a failed renewal by.
func refreshCode(e *creds.RefreshError) string {
	switch {
	case e.Reauth:
		return "invalid_rapt"
	case timedOut(e):
		return "timeout"
	case e.Temporary() && e.Status == 0:
		return "temporary"
	case e.Temporary() || e.Code == "":
		return strconv.Itoa(e.Status)
	}
	return e.Code
}

// Clean makes a text that may hold bytes from the network fit for one line of a terminal or log, without secrets.
func Clean(s string) string {
	return secrets.ReplaceAllString(strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")), "[secret]")
}

// secrets have no place in a text: nothing here hands one to an error or a trace, but a text of the network's may quote one. They
// are bearer tokens, Google's access and refresh tokens, signed tokens, and client secrets.
var secrets = regexp.MustCompile(`(?i:bearer)\s+[\w.~+/=-]{12,}|ya29\.[\w.-]+|1//[\w-]{10,}|eyJ[\w-]{5,}\.[\w.-]+|GOCSPX-[\w-]+`)

// Clean's judgement of one character: what controls a terminal, or turns the direction of writing, is not shown.
func unprintable(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}
