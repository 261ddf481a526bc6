package report

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/iapssh/iapssh/transport/iap"
)

// ofDial explains why no session came about.
func ofDial(e *iap.DialError, facts Facts) Failure {
	var closed *iap.CloseError
	var status *iap.HTTPError
	var protocol *iap.ProtocolError
	var link *iap.LinkError
	switch {
	case errors.As(e.Err, &closed):
		return closeCause(closed, e.Target, facts)
	case errors.As(e.Err, &status):
		return statusCause(status, e.Target, facts)
	case errors.As(e.Err, &link):
		return failure(fmt.Sprintf("the relay hung up before it said anything about %s: %v", on(e.Target), link.Err),
			"try again; if it persists, look for a proxy or firewall on the way to tunnel.cloudproxy.app")
	case errors.As(e.Err, &protocol):
		return failure("cannot speak with the relay: "+protocol.Error(), "check for a proxy that alters WebSockets on the way to tunnel.cloudproxy.app")
	}
	switch e.Stage {
	case iap.StageTarget:
		return failure(e.Err.Error(), "see iapssh --help for the flags that name a target")
	case iap.StageToken:
		if timedOut(e.Err) {
			return failure("cannot sign in to Google: no answer in time about "+facts.who(), "check the network, or set HTTPS_PROXY if a proxy leads outside")
		}
		return failure("cannot sign in to Google: "+e.Err.Error(), facts.signIn())
	case iap.StageConnect:
		return connectCause(e.Err)
	case iap.StageTLS:
		return tlsCause(e.Err)
	case iap.StageUpgrade:
		if timedOut(e.Err) {
			return failure("the relay took the connection and did not answer in time",
				"try again; if it persists, look for a proxy or firewall on the way to tunnel.cloudproxy.app")
		}
	case iap.StageSession:
		if timedOut(e.Err) {
			return failure("IAP gave no answer about "+on(e.Target),
				"it may be stopped or starting, or a firewall may drop tcp:"+fmt.Sprint(e.Target.Port)+" from 35.235.240.0/20")
		}
	}
	return failure(fmt.Sprintf("cannot reach IAP (%s): %v", e.Stage, e.Err), "try again; -v tells each step")
}

func failure(cause, fix string) Failure { return Failure{Cause: cause, Fix: fix} }

// bracket gives a close code in the form that scripts written for gcloud look for.
func bracket(e *iap.CloseError) string {
	return fmt.Sprintf("[%d: '%s']", e.Code, e.Reason)
}

// ofEnd explains the end of a session that had begun. What would have helped a session to begin is no help here.
func ofEnd(e *iap.CloseError, facts Facts) Failure {
	end := func(why, fix string) Failure {
		return failure(fmt.Sprintf("IAP ended the session with %s %s: %s", what(facts.Target), bracket(e), why), fix)
	}
	switch e.Code {
	case iap.CloseReadFailed, iap.CloseWriteFailed:
		return failure(fmt.Sprintf("Connection to %s closed by remote host. %s", what(facts.Target), bracket(e)), "it, or what listens there, reset the connection")
	case iap.CloseSIDUnknown, iap.CloseSIDInUse, iap.CloseCannotRewind:
		return end("after an outage it could not be resumed", "connect again")
	case iap.CloseNotAuthorized:
		return end(facts.who()+" may no longer use it", "the role may have been withdrawn, or an access level is no longer met; "+facts.signIn())
	case iap.CloseReauthenticate:
		return end("the sign-in has expired", facts.signIn())
	case iap.CloseLookupFailed, iap.CloseLookupFailedResume:
		return end("it is gone", "see: "+list(facts.Target))
	case iap.CloseBadAck, iap.CloseInvalidAck, iap.CloseInvalidOpcode, iap.CloseInvalidTag, iap.CloseInvalidData:
		return end("it found fault with what we sent", "please report this")
	}
	return end("no reason is known", "connect again")
}

// closeCause explains a close code of the relay in place of a session: its words, what it means, and what mends it.
func closeCause(e *iap.CloseError, target iap.Target, facts Facts) Failure {
	cause := "Error while connecting " + bracket(e) + "."
	switch e.Code {
	case iap.CloseBackendFailed:
		return failure(
			fmt.Sprintf("%s (Failed to connect to port %d) IAP cannot reach %s", cause, target.Port, on(target)),
			admit(target),
		)
	case iap.CloseNotAuthorized:
		return failure(
			fmt.Sprintf("%s IAP does not let %s reach %s", cause, facts.who(), whole(target)),
			expired(facts)+facts.other()+"check the project's name, or grant the role (it takes minutes to work): "+grant(target, facts.member()),
		)
	case iap.CloseLookupFailed, iap.CloseLookupFailedResume:
		return failure(
			fmt.Sprintf("%s There is no %s, or it is still being created", cause, whole(target)),
			"see: "+list(target)+"; if it is not behind IAP, -o IAP=no dials it directly",
		)
	case iap.CloseReadFailed, iap.CloseWriteFailed:
		return failure(cause+" It, or what listens there, closed or reset the connection", "try again")
	case iap.CloseReauthenticate:
		return failure(cause+" The sign-in of "+facts.who()+" has expired", facts.signIn())
	case iap.CloseUnknownError:
		return failure(cause+" IAP reported an internal error", "try again")
	case iap.CloseNormal:
		return failure("IAP ended the connection to "+on(target)+" before it began", "try again")
	case iap.CloseBadAck, iap.CloseInvalidAck, iap.CloseInvalidOpcode, iap.CloseInvalidTag, iap.CloseInvalidData:
		return failure(cause+" IAP found fault with what we sent", "please report this")
	}
	return failure(cause+" IAP gave no session with "+on(target), "try again")
}

// expired puts the likeliest cause first: a token that was given as it is lives for an hour, and the relay says 4033 to a bad one.
func expired(facts Facts) string {
	if facts.Principal == "" && facts.SignIn != "" {
		return "the token may have expired (" + facts.SignIn + "); else "
	}
	return ""
}

// statusCause explains an HTTP status in place of the upgrade. The parenthesis is gcloud's, for scripts.
func statusCause(e *iap.HTTPError, target iap.Target, facts Facts) Failure {
	cause := fmt.Sprintf("Error while connecting [Handshake status %d %s].", e.Status, http.StatusText(e.Status))
	switch {
	case e.Status >= 300 && e.Status < 400:
		return failure(cause+" Something between you and Google answered with a redirect to "+e.Location,
			"a captive portal or a proxy? Sign in there, or set HTTPS_PROXY")
	case e.Status == http.StatusNotFound:
		return failure(fmt.Sprintf("%s %s is not known in project %s, or there is no such target", cause, place(target), target.Project), "see: "+list(target))
	case e.Status == http.StatusUnauthorized:
		return failure(cause+" (May be due to missing permissions) The access token of "+facts.who()+" was refused", facts.signIn())
	case e.Status == http.StatusForbidden:
		return failure(cause+" (May be due to missing permissions) The WebSocket was refused",
			"a proxy or an organisation policy may forbid WebSockets to tunnel.cloudproxy.app")
	case e.Status == http.StatusProxyAuthRequired:
		return failure(cause+" The proxy wants credentials", "set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT")
	case e.Status == http.StatusTooManyRequests || e.Status >= 500:
		return failure(cause+" IAP is not able to answer at the moment", "try again in a little while")
	}
	return failure(cause+" The relay, or a proxy before it, does not take the request", "check --project, --zone or --region, and the name")
}

func connectCause(err error) Failure {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return failure("Could not resolve hostname "+dns.Name+": "+dns.Err, "check the network, or set HTTPS_PROXY if a proxy leads outside")
	case timedOut(err):
		return failure("the relay could not be reached in time", "check the network, or set HTTPS_PROXY if a proxy leads outside")
	}
	return failure("the relay could not be reached: "+err.Error(), "check the network, or set HTTPS_PROXY if a proxy leads outside")
}

func tlsCause(err error) Failure {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return failure("the relay's certificate is not trusted: "+untrusted.Err.Error(),
			inspectFix)
	}
	return failure("no TLS connection to the relay: "+err.Error(), "check for a proxy or firewall that does not let TLS through")
}
