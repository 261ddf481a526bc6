package report

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
	"github.com/iapssh/iapssh/transport/iap"
)

// ofRelay explains a dial that failed, and a session that ended, by a failed attempt to resume it for one.
func ofRelay(err error, facts Facts) (Failure, bool) {
	var dial *iap.DialError
	d := details{facts: facts, target: facts.Target}
	if errors.As(err, &dial) {
		d.target = dial.Target
		if !dial.Resume || dial.Stage == iap.StageToken { // without a sign-in a session neither begins nor goes on
			return d.ofDial(dial), true
		}
	}
	var closed *iap.CloseError
	var status *iap.HTTPError
	var link *iap.LinkError
	var protocol *iap.ProtocolError
	switch {
	case errors.As(err, &closed) && closed.Code != iap.CloseNormal:
		d.close = bracket(closed)
		return d.failure(StageEnded, strconv.Itoa(closed.Code)), true
	case dial != nil && errors.As(err, &status):
		d.close = fmt.Sprintf("[Handshake status %d %s]", status.Status, http.StatusText(status.Status))
		return d.failure(StageEnded, strconv.Itoa(status.Status)), true
	case errors.As(err, &link):
		d.err = link.Err.Error()
		return d.failure(StageEnded, "link"), true
	case errors.As(err, &protocol):
		d.err = brief(protocol.Error())
		return d.failure(StageEnded, "protocol"), true
	case dial != nil:
		d.err = "it could not be resumed: " + dial.Err.Error()
		if timedOut(dial.Err) {
			d.err = "it could not be resumed in time"
		}
		return d.failure(StageEnded, "link"), true
	}
	return Failure{}, false
}

// ofDial explains why no session came about.
func (d details) ofDial(e *iap.DialError) Failure {
	var closed *iap.CloseError
	var status *iap.HTTPError
	var protocol *iap.ProtocolError
	var link *iap.LinkError
	d.err = e.Err.Error()
	switch {
	case errors.As(e.Err, &closed):
		d.close = bracket(closed)
		return d.failure(StageSession, strconv.Itoa(closed.Code))
	case errors.As(e.Err, &status):
		d.status, d.location = fmt.Sprintf("%d %s", status.Status, http.StatusText(status.Status)), cmp.Or(brief(status.Location), "nowhere")
		return d.failure(StageUpgrade, strconv.Itoa(status.Status))
	case errors.As(e.Err, &link):
		d.err = link.Err.Error()
		return d.failure(StageUpgrade, "hung-up")
	case errors.As(e.Err, &protocol):
		d.err = brief(protocol.Error())
		return d.failure(StageUpgrade, "protocol")
	}
	return d.ofStage(e)
}

// ofStage explains a dial that failed by itself, without a word from others.
func (d details) ofStage(e *iap.DialError) Failure {
	var dns *net.DNSError
	var untrusted *tls.CertificateVerificationError
	stage := map[iap.Stage]Stage{
		iap.StageToken: StageSignIn, iap.StageConnect: StageConnect, iap.StageTLS: StageTLS, iap.StageUpgrade: StageUpgrade, iap.StageSession: StageSession,
	}[e.Stage]
	var address *iap.URLError
	switch {
	case errors.As(e.Err, &address):
		return Failure{Stage: StageConfig, Cause: d.err, Fix: "correct IAPSSH_RELAY_URL, or --iap-tunnel-url-override"}
	case e.Stage == iap.StageTarget:
		return Failure{Stage: StageConfig, Cause: d.err, Fix: "see iapssh --help for the flags that name a target"}
	case e.Stage == iap.StageConnect && sockerr.Errno(e.Err) == syscall.EMFILE:
		return d.failure(stage, "files")
	case e.Stage == iap.StageConnect && errors.As(e.Err, &dns):
		d.name, d.err = dns.Name, dns.Err
		return d.failure(stage, "dns")
	case e.Stage == iap.StageTLS && errors.As(e.Err, &untrusted):
		d.err = untrusted.Err.Error()
		f := d.failure(stage, CodeCertificate)
		f.Fix = trustFix(untrusted, f.Fix)
		return f
	case timedOut(e.Err):
		return d.failure(stage, "timeout")
	}
	d.mend = d.facts.signIn()
	if stage == StageSession || stage == StageUpgrade { // for whose failures the relay has codes
		return Failure{Stage: stage, Retryable: true, Cause: fmt.Sprintf("cannot reach IAP (%s): %s", e.Stage, d.err), Fix: "try again; -v tells each step"}
	}
	return d.failure(stage, "")
}

// bracket gives a close code in the form that scripts written for gcloud look for.
func bracket(e *iap.CloseError) string {
	return fmt.Sprintf("[%d: '%s']", e.Code, brief(e.Reason))
}

// brief cuts a text of the network's that is too long for a line of ours.
func brief(text string) string {
	const most = 200
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}

// expired puts the likeliest cause first: a token that was given as it is lives for an hour, and the relay says 4033 to a bad one.
func expired(facts Facts) string {
	if facts.Principal == "" && facts.SignIn != "" {
		return "the token may have expired (" + facts.SignIn + "); else "
	}
	return ""
}
