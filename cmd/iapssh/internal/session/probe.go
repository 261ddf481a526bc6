package session

import (
	"context"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
)

// Sight is what a Probe has seen, as far as it came.
type Sight struct {
	Version string // the server's identification, "SSH-2.0-..."; empty: none came
	Said    string // a line before that, or in its place; may be empty
	Facts          // no bytes; HostProof is empty for a key that was not accepted, Method without a login
}

// Probe looks whether plan's host lets its user in, over conn, which it closes: by a login, and nothing else. It asks nobody, and
// learns no host key. Errors are those of [Run].
func Probe(ctx context.Context, plan config.Plan, conn net.Conn, dialed time.Time, local Local) (Sight, error) {
	plan.BatchMode, plan.UpdateHostKeys, plan.AddKeysToAgent = true, "no", "no"
	r := newRun(plan, conn, dialed, local)
	r.looking = &Sight{}
	defer r.close()
	err := r.connect(ctx)
	switch {
	case err == nil:
		r.looking.Facts = r.facts()
	case r.trust != nil:
		r.looking.HostProof = r.trust.because
	}
	return *r.looking, err
}

// see has the handshake note what the server shows.
func (s *Sight) see() *sshclient.Trace {
	return &sshclient.Trace{
		Line: func(line string) {
			if strings.HasPrefix(line, "SSH-") {
				s.Version = line
			} else if s.Said == "" {
				s.Said = line
			}
		},
		HostKey: func(key ssh.PublicKey) { s.HostKey = ssh.FingerprintSHA256(key) },
	}
}
