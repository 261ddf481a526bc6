package session

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
)

// Local is the near side of a session.
type Local struct {
	Stdin        *os.File
	Stdout       *os.File
	Messages     *Messages
	RemoteStderr *os.File // what the remote command writes to its stderr
	Environ      []string
	Version      string // in our SSH identification
	Proof        Proof  // what a cloud says of the host
	Offers       Offers // which keys it is offered

	// Asking is told when the user is asked something, and what it returns when that is over. May be nil.
	Asking func() (answered func())

	// Detach puts this process into the background, once nothing is left to ask and
	// the command has been started; of the standard files it keeps those that are still used. Nil: it stays.
	Detach func(keep ...*os.File) error

	// Step is told of the steps to the session, some more than once, from several goroutines. Nil: nobody wants to know.
	Step func(Step)

	// Opened is told when a plan without a command has all that it asks for: its forwards
	// are open, and its socket. Nil: nobody wants to know.
	Opened func()

	// Listeners keep local forwards' ports for the next connection. Nil: there is to be none.
	Listeners *sshclient.Listeners

	// Asked gets something whenever somebody wants to know how the connection does. May be nil.
	Asked <-chan os.Signal

	// Over is told of a session that was authenticated, when it is over. Nil: nobody
	// wants to know.
	Over func(Facts)
}

// Facts are what is known of a session in the end. Keys are SHA-256 fingerprints.
type Facts struct {
	Method, Key        string // how the user was authenticated; no Key but of a public key
	HostKey, HostProof string // the server's, and why it was trusted
	Sent, Received     uint64 // bytes
}

// Offers is what is known of a host's taste in keys. The zero value is ssh's ways.
type Offers struct {
	IdentitiesFirst bool // see sshclient.Auth, as for the next three
	First           string
	Before          []sshclient.Identity // offered before the plan's
	Max             int
	More            func(ctx context.Context) (sshclient.Identity, bool)
	Accepted        func(key string) // is told which key was, "TYPE BASE64", or an empty one if it was by other means; may be nil
}

// Killed is the cause of a context that a signal ended.
type Killed struct{ Signal syscall.Signal }

func (k *Killed) Error() string { return fmt.Sprintf("killed by signal %d", k.Signal) }

// Exit is ssh's exit code when a signal has ended it: 0 if that is the way to end it.
func (k *Killed) Exit(plan config.Plan) int {
	if plan.SessionType == "none" && k.Signal == syscall.SIGTERM {
		return 0
	}
	return 255
}
