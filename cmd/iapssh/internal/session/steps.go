package session

import (
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient"
)

// A Step is one on the way to the first byte of a session's output.
type Step string

// The steps, in order. A session on a connection that another process holds has the last two only, one without a command of its
// own (-N) none of them.
const (
	StepVersion       Step = "ssh version"    // the server has identified itself
	StepKeyExchange   Step = "key exchange"   // the server has shown its host key
	StepHostKey       Step = "host key"       // that key was accepted, perhaps by the user
	StepAuthenticated Step = "authentication" // so was the user
	StepOpened        Step = "session open"   // the command has been started, or the connection onward is there
	StepFirstByte     Step = "first byte"     // of its output

	StepLeaving Step = "leaving" // between two of them: the process leaves for the background, and has nobody to tell anything from now on
)

// step tells of one that is done.
func (r *run) step(step Step) {
	if r.local.Step != nil {
		r.local.Step(step)
	}
}

// trace has the handshake tell its steps.
func (r *run) trace() *sshclient.Trace {
	if r.looking != nil {
		return r.looking.see()
	}
	if r.local.Step == nil {
		return nil
	}
	return &sshclient.Trace{
		Line: func(line string) {
			if strings.HasPrefix(line, "SSH-") {
				r.step(StepVersion)
			}
		},
		HostKey:  func(ssh.PublicKey) { r.step(StepKeyExchange) },
		Accepted: func() { r.step(StepHostKey) },
	}
}

// watched is where what the far side writes goes, with a word at its first byte.
func (r *run) watched(to io.Writer) io.Writer {
	if r.local.Step == nil {
		return to
	}
	return &firstByte{Writer: to, told: func() { r.step(StepFirstByte) }}
}

type firstByte struct {
	io.Writer
	once sync.Once
	told func()
}

func (w *firstByte) Write(p []byte) (int, error) {
	w.once.Do(w.told)
	return w.Writer.Write(p)
}
