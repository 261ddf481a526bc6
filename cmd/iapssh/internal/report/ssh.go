package report

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
)

// DirectError tells that a host could not be reached without IAP.
type DirectError struct {
	Host string
	Port int
	Fix  string // what to do if IAP was meant; may be empty
	Err  error
}

func (e *DirectError) Error() string {
	return fmt.Sprintf("connect to host %s port %d: %v", e.Host, e.Port, e.Err)
}

func (e *DirectError) Unwrap() error { return e.Err }

// ofSSH explains failures of the SSH connection itself, in ssh's words where it has any: programs look for them.
func ofSSH(err error, facts Facts) (Failure, bool) {
	var direct *DirectError
	var handshake *sshclient.HandshakeError
	var lost *sshclient.LostError
	var refused *sshclient.OpenError
	var forward *sshclient.ForwardError
	if f, ok := ofSharing(err); ok {
		return f.at(StageSSH, "master", false), true
	}
	switch {
	case errors.As(err, &refused):
		f := verbatim(fmt.Sprintf("channel 0: open failed: %s: %s", refused.Reason, refused.Message))
		if refused.To != (sshclient.Endpoint{}) {
			f.Fix = "stdio forwarding failed"
		}
		return f.at(StageSSH, CodeForward, false), true
	case errors.As(err, &direct):
		f := verbatim("ssh: " + directCause(direct))
		f.Fix = direct.Fix
		return f.at(StageConnect, "", true), true
	case errors.As(err, &forward):
		return ofForward(forward).at(StageSSH, CodeForward, false), true
	case errors.As(err, &lost):
		return ofLostWay(lost, errors.As(err, &handshake)).at(StageEnded, "lost", true), true
	case errors.As(err, &handshake):
		return ofHandshake(handshake, facts), true
	}
	return Failure{}, false
}

// ofForward explains why ExitOnForwardFailure has ended the connection.
func ofForward(e *sshclient.ForwardError) Failure {
	if kind := e.Forward.Kind; e.Err != sshclient.ErrDegraded && (kind == sshclient.LocalForward || kind == sshclient.DynamicForward) {
		return verbatim(e.Error())
	}
	return verbatim("Error: " + e.Error())
}

// at says where a failure stands.
func (f Failure) at(stage Stage, code string, retryable bool) Failure {
	f.Stage, f.Code, f.Retryable = stage, code, retryable
	return f
}

func verbatim(cause string) Failure { return Failure{Cause: cause, Verbatim: true} }

func directCause(e *DirectError) string {
	var dns *net.DNSError
	errno := sockerr.Errno(e.Err)
	switch {
	case errors.As(e.Err, &dns):
		return fmt.Sprintf("Could not resolve hostname %s: %s", e.Host, dns.Err)
	case timedOut(e.Err):
		return fmt.Sprintf("connect to host %s port %d: Connection timed out", e.Host, e.Port)
	case errno != 0:
		return fmt.Sprintf("connect to host %s port %d: %s", e.Host, e.Port, capital(errno.Error()))
	}
	return e.Error()
}

// capital writes an errno's text as the C library does.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func ofHandshake(e *sshclient.HandshakeError, facts Facts) Failure {
	var untrusted *knownhosts.RefusedError
	var auth *sshclient.AuthError
	var none *sshclient.NegotiationError
	switch {
	case errors.As(e.Err, &none):
		return ofNegotiation(e.Host, none).at(StageSSH, "algorithms", false)
	case errors.As(e.Err, &untrusted):
		f := verbatim(untrusted.Error())
		if untrusted.Learnable() {
			f.Fix = unknownKeyFix(untrusted.Verdict, facts)
		}
		return f.at(StageSSH, "host-key", false)
	case errors.As(e.Err, &auth):
		f := verbatim(auth.Error())
		f.Fix = authFix(auth)
		if facts.Keys != nil {
			f.Fix, f.Missing = keysFix(facts)
		}
		return f.at(StageSSH, CodeAuth, false)
	case e.Stage == sshclient.StageBanner && timedOut(e.Err):
		return verbatim("Connection timed out during banner exchange").at(StageSSH, "timeout", true)
	case e.Stage == sshclient.StageBanner && hungUp(e.Err):
		return verbatim("kex_exchange_identification: Connection closed by remote host").at(StageSSH, "hung-up", true)
	case timedOut(e.Err):
		return verbatim(fmt.Sprintf("Connection to %s timed out during %s", e.Host, e.Stage)).at(StageSSH, "timeout", true)
	case hungUp(e.Err):
		return verbatim(fmt.Sprintf("Connection closed by remote host during %s", e.Stage)).at(StageSSH, "hung-up", true)
	}
	return Failure{Stage: StageSSH, Cause: e.Error()}
}

// keysFix says why no key is on the VM, what mends that, and which permission is missing if that is why.
func keysFix(facts Facts) (fix, missing string) {
	fix = "No key was accepted: " + facts.Keys.Error()
	var refused *gce.Error
	if errors.As(facts.Keys, &refused) {
		missing = refused.Permission
		if mend := mendAPI(refused, facts.Target.Project, facts); mend != "" {
			fix += "; " + mend
		}
	}
	return fix, missing
}

// ofNegotiation explains that the two sides have no algorithm in common, and names one that may be allowed.
func ofNegotiation(host string, e *sshclient.NegotiationError) Failure {
	f := verbatim(fmt.Sprintf("Unable to negotiate with %s: %v", host, e))
	if name := e.Allowable(); name != "" {
		f.Fix = fmt.Sprintf("It takes %s, which we did not offer: -o %s=+%s allows it", name, e.Kind, name)
	}
	return f
}

// unknownKeyFix names the ways to have an unknown key trusted.
func unknownKeyFix(v knownhosts.Verdict, facts Facts) string {
	fix := fmt.Sprintf("The key of %s is not known yet, %s %s: connect from a terminal to be asked; or once with -o StrictHostKeyChecking=accept-new",
		v.Name(), knownhosts.TypeName(v.Key), v.Show.Hash.Fingerprint(v.Key))
	if t := facts.Target; t.Instance != "" && t.Zone != "" {
		fix += "; or have the VM prove its keys, " + publishFix(gce.Ref{Project: t.Project, Zone: t.Zone, Name: t.Instance})
	}
	return fix
}

// authFix says which keys were tried, since the server never does.
func authFix(e *sshclient.AuthError) string {
	if e.Partial && !slices.Contains(e.Methods, "publickey") {
		return fmt.Sprintf("What was offered is right; %s is wanted besides, which is asked for on a terminal, and not with BatchMode", strings.Join(e.Methods, " or "))
	}
	if len(e.Tried) == 0 {
		return "No key was found to offer: name one with -i, or make one with ssh-keygen, and add its .pub to the VM: gcloud compute os-login ssh-keys add --key-file=FILE.pub"
	}
	var tried []string
	for _, t := range e.Tried {
		text := t.Source
		if t.Err != nil {
			text += " (" + t.Err.Error() + ")"
		}
		tried = append(tried, text)
	}
	return fmt.Sprintf("Tried %s. Check the user's name, or add a key to the VM: gcloud compute os-login ssh-keys add --key-file=FILE.pub", strings.Join(tried, ", "))
}

// ofLostWay explains the loss of a connection, or of the one below it that leads to a jump host: the innermost tells why.
func ofLostWay(e *sshclient.LostError, isBelow bool) Failure {
	var below *sshclient.LostError
	for errors.As(e.Err, &below) {
		e, isBelow = below, true
	}
	f := ofLost(e)
	if isBelow {
		f.Where = "the way led through jump host " + e.Host
	}
	return f
}

func ofLost(e *sshclient.LostError) Failure {
	var request *sshclient.RequestError
	switch {
	case errors.Is(e.Err, sshclient.ErrServerSilent):
		return verbatim(fmt.Sprintf("Timeout, server %s not responding.", e.Host))
	case errors.As(e.Err, &request):
		return verbatim(request.Error() + " on channel 0")
	case errors.Is(e.Err, sshclient.ErrMasterGone):
		return verbatim(fmt.Sprintf("Shared connection to %s closed by its master.", e.Host))
	case hungUp(e.Err):
		return verbatim(fmt.Sprintf("Connection to %s closed by remote host.", e.Host))
	}
	return Failure{Cause: e.Error()}
}

// hungUp says that the far side ended the connection in an ordinary way. Whether reading or writing notices it first is chance.
func hungUp(err error) bool {
	var closed *iap.CloseError
	if errors.As(err, &closed) {
		return closed.Code == iap.CloseNormal
	}
	// net.ErrClosed: x/crypto closes a connection that it could not write to.
	return errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) || sockerr.HungUp(err)
}
