package iap

import (
	"errors"
	"fmt"
	"time"
	"unicode"
)

// Stage names the part of a dial that failed.
type Stage string

// The stages of a dial, in order.
const (
	StageTarget  Stage = "target"  // the Target or the Dialer is not usable
	StageToken   Stage = "token"   // the token source failed: a sign-in problem
	StageConnect Stage = "connect" // name lookup, TCP, proxy
	StageTLS     Stage = "tls"     // handshake or certificate
	StageUpgrade Stage = "upgrade" // HTTP and the WebSocket handshake
	StageSession Stage = "session" // the relay's verdict: authorization, lookup, the VM's port
)

// DialError is what Dial returns, and what ends a session that could not be resumed: which stage failed for which target. Unwrap
// gives the cause, often an *HTTPError, a *CloseError, a *proxy.Error or the context's error.
type DialError struct {
	Stage  Stage
	Target Target
	Phases Phases // of what went before; of a dial
	Resume bool   // a session that had begun was to be resumed: data may have moved
	Err    error
}

func (e *DialError) Error() string {
	what := "dial"
	if e.Resume {
		what = "resume"
	}
	return fmt.Sprintf("iap: %s %s: %s: %v", what, e.Target, e.Stage, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// URLError tells that Dialer.URL is no address of a relay.
type URLError struct {
	URL string
}

func (e *URLError) Error() string {
	return fmt.Sprintf("relay URL %q is not of the form wss://HOST[:PORT][/PATH]", e.URL)
}

// HTTPError tells that the upgrade was answered with an HTTP status other than 101, by the relay or by something before it.
// 403 is a refusal of WebSockets, by a proxy or a policy, more often than one by IAM; 404 is an unknown zone; 429 and 5xx are
// passing (source: IAP Desktop's notes and its tests against the service).
type HTTPError struct {
	Status   int
	Location string // of a redirect, which a captive portal or a proxy sends
	Body     string // at most 1 KiB, as received: sanitise before showing it

	RetryAfter time.Duration // that the answer asks for, in seconds; 0 if it does not
}

func (e *HTTPError) Error() string {
	return fmt.Sprintf("the relay answered with HTTP status %d", e.Status)
}

// The relay's close codes (source: IAP Desktop's constants; texts observed with gcloud).
const (
	CloseNormal             = 1000 // the VM ended the connection
	CloseGoingAway          = 1001
	CloseNoStatus           = 1005 // a close frame without a code; never on the wire
	CloseUnknownError       = 4000
	CloseSIDUnknown         = 4001
	CloseSIDInUse           = 4002
	CloseBackendFailed      = 4003 // nothing answers on the VM's port, or a firewall drops it
	CloseReauthenticate     = 4004 // the token is no longer good enough
	CloseBadAck             = 4005
	CloseInvalidAck         = 4006
	CloseInvalidOpcode      = 4007
	CloseInvalidTag         = 4008
	CloseWriteFailed        = 4009 // the VM stopped taking data
	CloseReadFailed         = 4010 // the VM reset the connection
	CloseInvalidData        = 4013
	CloseNotAuthorized      = 4033 // also for a bad token and for an unknown project
	CloseLookupFailed       = 4047
	CloseLookupFailedResume = 4051
	CloseCannotRewind       = 4074

	closeProtocolError   = 1002
	closeUnsupportedData = 1003
)

// CloseError tells that the relay closed the WebSocket with a code.
type CloseError struct {
	Code   int
	Reason string // as received: sanitise before showing it
	// Established says that the session had begun: data may have moved.
	Established bool
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the relay closed the session with code %d", e.Code)
	}
	return fmt.Sprintf("the relay closed the session with code %d (%s)", e.Code, sanitize(e.Reason))
}

// ProtocolError tells that the relay broke the protocol, so that its byte stream can no longer be trusted.
type ProtocolError struct {
	Detail string
	Err    error // the decoder's error, if that is where it was seen

	code int // to close the link with, if not closeProtocolError
}

func (e *ProtocolError) closeCode() int {
	if e.code == 0 {
		return closeProtocolError
	}
	return e.code
}

func (e *ProtocolError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("relay protocol error: %s: %v", e.Detail, e.Err)
	}
	return "relay protocol error: " + e.Detail
}

func (e *ProtocolError) Unwrap() error { return e.Err }

// LinkError tells that the link to the relay broke without a close code, so that the session is lost.
type LinkError struct {
	Err error
}

func (e *LinkError) Error() string { return fmt.Sprintf("connection to the relay lost: %v", e.Err) }

func (e *LinkError) Unwrap() error { return e.Err }

// Causes of a LinkError.
var (
	errSilent    = errors.New("no answer to a ping")
	errStuck     = errors.New("a message stopped halfway")
	errNoGoodbye = errors.New("no answer to our close")
)

// sanitize keeps the printable part of a text from the network; a terminal must not interpret the rest.
func sanitize(s string) string {
	clean := []rune(s)
	for i, r := range clean {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			clean[i] = '?'
		}
	}
	return string(clean)
}
