// Package wait decides whether a VM that cannot be reached is worth waiting for, because it is being created or is starting up, and
// waits.
//
//	wait.go      [Decide]: from an error and what is known of the VM to a verdict; how long until the next try (both pure)
//	patience.go  [Patience]: the loop
package wait

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
)

// youth is the age below which a VM may be refused to somebody only because IAP has not heard of it yet, or lets nobody in because
// nothing in it has run yet that would.
const youth = 3 * time.Minute

// Facts are what is known when a try has failed. Those that could not be learnt are zero.
type Facts struct {
	Err error
	VM  gce.Instance // the Status and the time of creation count, and the metadata

	Granted bool // who asks has the role
	Pushed  bool // the VM was given the key, by us and a moment ago
	Placed  bool // the key is where the VM looks for keys
}

func (f Facts) young(now time.Time) bool {
	return !f.VM.Created.IsZero() && now.Sub(f.VM.Created) < youth
}

// A Verdict says whether to try again.
type Verdict struct {
	// For is what is waited for: "for sshd to start". Empty: there is nothing to wait for.
	For string
	// Err is why not, if the VM's state says that better than the error of the try.
	Err error
}

// stopped are the states that a VM does not leave by itself. Whoever suspends it or stops it will hardly start it in the same breath.
var stopped = []string{"STOPPING", "PENDING_STOP", "STOPPED", "TERMINATED", "SUSPENDING", "SUSPENDED"}

// Decide is the table: the first row that applies.
func Decide(f Facts, now time.Time) Verdict {
	what, when := hope(f.Err)
	switch {
	case what == "":
		return Verdict{}
	case slices.Contains(stopped, f.VM.Status):
		return Verdict{Err: &gce.NotRunningError{Ref: f.VM.Ref, Status: f.VM.Status}}
	case when == always,
		when == ifAdmitted && (f.Granted || f.young(now)),
		when == ifKeyComes && (f.Pushed || f.Placed && f.young(now)),
		when == ifPublishing && f.young(now) && gce.Enabled("enable-guest-attributes", f.VM.Metadata, gce.Metadata{}):
		return Verdict{For: what}
	}
	return Verdict{}
}

// Hopeful says that an error is one that may pass while a VM starts, so that it is worth to look at the VM.
func Hopeful(err error) bool {
	what, _ := hope(err)
	return what != ""
}

// condition is what must be the case for an error to pass.
type condition int

const (
	always       condition = iota
	ifAdmitted             // who asks may use IAP, or it is too early to say
	ifKeyComes             // a key was put on the VM and is on its way into it
	ifPublishing           // the VM is about to publish its host keys
)

// hope says what must come about for an error to pass, and on what condition that is to be hoped for; nothing for all other errors.
// Once data has flowed nothing is tried again: it would be another stream.
func hope(err error) (what string, when condition) {
	var lost *sshclient.LostError
	var handshake *sshclient.HandshakeError
	var dial *iap.DialError
	var missing *gce.NotFoundError
	switch {
	case errors.As(err, &lost):
		return "", always
	case errors.As(err, &handshake):
		return hopeOfHandshake(handshake)
	case errors.As(err, &dial) && dial.Resume:
		return "", always
	case errors.As(err, &dial):
		return hopeOfDial(dial)
	case errors.As(err, &missing):
		return "for the VM to be created", always
	case slices.Contains([]syscall.Errno{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ETIMEDOUT}, sockerr.Errno(err)):
		return "for the port to answer", always // dialled directly, at the VM's address
	}
	return "", always
}

func hopeOfDial(e *iap.DialError) (string, condition) {
	var closed *iap.CloseError
	var status *iap.HTTPError
	switch {
	case errors.As(e.Err, &status):
		if status.Status == http.StatusTooManyRequests || status.Status >= 500 {
			return "for IAP", always
		}
	case errors.As(e.Err, &closed):
		switch closed.Code {
		case iap.CloseBackendFailed, iap.CloseReadFailed, iap.CloseWriteFailed:
			return "for the port to answer", always
		case iap.CloseLookupFailed:
			return "for IAP to find the VM", always
		case iap.CloseNotAuthorized:
			return "for IAP to let you through", ifAdmitted
		}
	case e.Stage == iap.StageSession && errors.Is(e.Err, context.DeadlineExceeded):
		return "for the port to answer", always
	}
	return "", always
}

func hopeOfHandshake(e *sshclient.HandshakeError) (string, condition) {
	var denied *sshclient.AuthError
	var refused *knownhosts.RefusedError
	switch {
	case errors.As(e.Err, &denied):
		return "for the key to be in force", ifKeyComes
	case errors.As(e.Err, &refused) && refused.Learnable():
		return "for the VM to publish its host keys", ifPublishing
	case e.Stage == sshclient.StageBanner && hungUp(e.Err):
		return "for sshd to start", always
	}
	return "", always
}

// hungUp says that the far side ended a connection before it had said anything, or has said nothing for too long.
func hungUp(err error) bool {
	var closed *iap.CloseError
	if errors.As(err, &closed) {
		return slices.Contains([]int{iap.CloseNormal, iap.CloseReadFailed, iap.CloseWriteFailed}, closed.Code)
	}
	return sockerr.HungUp(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// The pauses between tries. One that has come to the SSH server, and ended there without a login, counts against the address that all
// users of IAP share: by 5 seconds, which run off, with an sshd of OpenSSH 9.8 or later, that turns it away at more than 15.
const (
	firstPause, longestPause = time.Second, 10 * time.Second
	firstKnock, longestKnock = 6 * time.Second, 15 * time.Second
)

// pauseAfter is how long to wait after so many tries. knocked says that the latest has come to an SSH server.
func pauseAfter(tries int, knocked bool) time.Duration {
	first, most := firstPause, longestPause
	if knocked {
		first, most = firstKnock, longestKnock
	}
	pause := float64(first)
	for range min(tries-1, 20) {
		pause *= 1.3
	}
	return min(time.Duration(pause), most)
}

// hasKnocked says that a try has come to an SSH server.
func hasKnocked(err error) bool {
	var handshake *sshclient.HandshakeError
	return errors.As(err, &handshake)
}
