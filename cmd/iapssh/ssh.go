package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
)

// ssh is a session in ssh's place, or what -O asks of a master.
func ssh(ctx context.Context, plan config.Plan, messages *session.Messages, leave func(keep ...*os.File) error) int {
	r, audit, err := openRelay(plan, messages)
	if err != nil {
		return complain(messages, plan, err)
	}
	defer audit.close()
	s := &sshRun{plan: plan, relay: r, audit: audit, local: localSide(messages)}
	s.local.Detach = leave
	if tells(plan, tty.IsTerminal(os.Stdin)) {
		asked, stopAsking := tty.Asked()
		defer stopAsking()
		s.local.Asked = asked
	} else {
		var stop context.CancelFunc
		ctx, stop = untilSignal(ctx, askSignals())
		defer stop()
	}
	code, err := s.run(ctx)
	var killed *session.Killed
	switch {
	case err == nil:
		return code
	case errors.Is(err, session.ErrTaken):
		return exitTaken
	case errors.As(context.Cause(ctx), &killed):
		dieOf(killed.Signal) // as ssh does before it has a session
		return exitCode(plan)
	}
	return s.relay.fail(ctx, err)
}

// tells says whether the session answers who asks how it does. Of a command that
// has no terminal it does not: rsync ends its ssh by SIGUSR1.
func tells(plan config.Plan, stdinIsTerminal bool) bool {
	want, _ := plan.WantTTY(stdinIsTerminal)
	return want || plan.SessionType == "none"
}

// sshRun is a session in ssh's place, and those that follow it, see reconnect.go.
type sshRun struct {
	plan  config.Plan
	relay *relay // of the latest session, as are those below
	audit *auditor
	local session.Local
	facts session.Facts // zero if it was not authenticated, or on a connection that a master shares

	began  time.Time
	opened time.Time // when it had all it asked for; zero: it has not come so far
	outage outage
}

// once is one session.
func (s *sshRun) once(ctx context.Context) (int, error) {
	s.began, s.opened, s.facts = time.Now(), time.Time{}, session.Facts{}
	s.local.Over = s.over
	code, err := s.relay.session(ctx, s.local)
	s.relay.times.tell(s.relay.messages)
	if s.facts.Method != "" || s.outage.failures == 0 {
		s.record(code, err)
	}
	return code, err
}

// record writes the audit of the latest session.
func (s *sshRun) record(code int, err error) { s.audit.ssh(s.began, s.facts, code, err) }

func (s *sshRun) over(facts session.Facts) { s.facts = facts }

// localSide is this process, as a session sees it.
func localSide(messages *session.Messages) session.Local {
	return session.Local{
		Stdin: os.Stdin, Stdout: os.Stdout, RemoteStderr: os.Stderr, Messages: messages, Environ: os.Environ(), Version: "iapssh_" + version,
	}
}
