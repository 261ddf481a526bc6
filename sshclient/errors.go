package sshclient

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

var (
	// ErrServerSilent ends a connection whose server left ServerAliveCountMax
	// requests unanswered.
	ErrServerSilent = errors.New("server not responding")

	// ErrClosed is what a client or session ended by its own Close reports.
	ErrClosed = errors.New("closed by us")

	// ErrMasterGone ends a joined connection: the process that holds it has ended, or
	// has lost it.
	ErrMasterGone = errors.New("the process that shares the connection has gone")

	// ErrNoStatus says that the server closed a session without saying how
	// the command ended.
	ErrNoStatus = errors.New("server closed the session without an exit status")
)

// Stage is how far a handshake came.
type Stage string

// The stages of a handshake, in order.
const (
	StageBanner  Stage = "banner exchange" // the server has not identified itself
	StageKex     Stage = "key exchange"
	StageHostKey Stage = "host key verification"
	StageAuth    Stage = "authentication"
)

// HandshakeError says where a handshake failed. Unwrap gives the cause: what
// HostTrust refused with, an *[AuthError], the context's error, context.DeadlineExceeded
// after KexTimeout, a *[NegotiationError], or the net.Conn's error.
type HandshakeError struct {
	Host  string
	Stage Stage
	Err   error
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("%s with %s: %s", e.Stage, e.Host, visibleLine(e.Err.Error(), 1024))
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// AuthError says that the server accepted nothing of what we could offer.
type AuthError struct {
	User, Host string
	Methods    []string // what the server would still take
	Partial    bool     // it was content with some of what it wants one after the other
	Tried      []Tried  // the keys that were offered or given up, in order
}

// Unusable says that the key which was tried last cannot be used here, whatever the server would say to it.
func (e *AuthError) Unusable() bool { return unusable(e.Tried) }

func unusable(tried []Tried) bool { return len(tried) > 0 && tried[len(tried)-1].Err != nil }

// Tried is a key that did not serve.
type Tried struct {
	Source string        // path of the file, or the agent's comment
	Key    ssh.PublicKey // nil when it could not be read
	Err    error         // why it could not be used; nil when the server refused it
}

// Error is in ssh's form: "user@host: Permission denied (publickey)."
func (e *AuthError) Error() string {
	methods := visibleLine(strings.Join(e.Methods, ","), 256)
	return fmt.Sprintf("%s@%s: Permission denied (%s).", e.User, e.Host, methods)
}

// LostError says that a connection ended before what ran on it. Err is why, as
// [Client.Err] and [Result] give it. It is for callers that pass such an end on.
type LostError struct {
	Host string
	Err  error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("connection to %s lost: %s", e.Host, visibleLine(e.Err.Error(), 1024))
}

func (e *LostError) Unwrap() error { return e.Err }

// ForwardError says that a forward could not be opened, and Err why. It is for callers
// that pass such a failure on.
type ForwardError struct {
	Forward Forward
	Err     error
}

// Error is in ssh's words: "remote port forwarding failed for listen port 8080".
func (e *ForwardError) Error() string {
	switch listen := e.Forward.Listen; {
	case errors.Is(e.Err, ErrDegraded):
		return "forwarding disabled due to host key check failure"
	case !e.Forward.Kind.remote():
		return "Could not request local forwarding."
	case listen.Path != "":
		return "remote port forwarding failed for listen path " + listen.Path
	default:
		return fmt.Sprintf("remote port forwarding failed for listen port %d", listen.Port)
	}
}

func (e *ForwardError) Unwrap() error { return e.Err }

// OpenError says that the server would not, or could not, connect to an endpoint, or begin a session.
type OpenError struct {
	To      Endpoint // zero: a session
	Reason  string   // in OpenSSH's words: "connect failed", "administratively prohibited"
	Message string   // the server's, safe for a terminal
	Err     error    // the *ssh.OpenChannelError
}

// notOpened makes an *OpenError of the server's refusal.
func notOpened(to Endpoint, refused *ssh.OpenChannelError) *OpenError {
	return &OpenError{To: to, Reason: refused.Reason.String(), Message: visibleLine(refused.Message, 256), Err: refused}
}

func (e *OpenError) Error() string {
	if e.To == (Endpoint{}) {
		return fmt.Sprintf("session: open failed: %s: %s", e.Reason, e.Message)
	}
	return fmt.Sprintf("connection to %s: open failed: %s: %s", e.To, e.Reason, e.Message)
}

func (e *OpenError) Unwrap() error { return e.Err }

// RequestError says that the server refused what a session asked for.
type RequestError struct {
	Request string // "exec", "shell" or "subsystem"
}

func (e *RequestError) Error() string { return e.Request + " request failed" }
