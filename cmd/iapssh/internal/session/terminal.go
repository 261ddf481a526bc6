package session

import (
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/sshclient"
)

// describe is the local terminal as a pty-req has it.
func describe(terminal *tty.Terminal, environ []string) *sshclient.PTY {
	pty := &sshclient.PTY{Modes: terminal.Modes()}
	for _, pair := range environ {
		if term, ok := strings.CutPrefix(pair, "TERM="); ok {
			pty.Term = term
		}
	}
	if size, err := terminal.Size(); err == nil {
		pty.Size = sshclient.Size(size)
	}
	return pty
}

// enterRaw makes the terminal raw and its changes of size known to the far side, until leave.
func enterRaw(terminal *tty.Terminal, s *sshclient.Session, out *output) (leave func(), err error) {
	if err := terminal.MakeRaw(); err != nil {
		return nil, err
	}
	out.setRaw(true)
	r := &resizer{session: s, watcher: terminal.WatchSize(), stop: make(chan struct{}), done: make(chan struct{})}
	go r.run()
	return func() {
		r.end()
		out.setRaw(false)
		terminal.Restore()
	}, nil
}

// resizer passes changes of the terminal's size on.
type resizer struct {
	session *sshclient.Session
	watcher *tty.SizeWatcher
	stop    chan struct{}
	done    chan struct{}
}

func (r *resizer) run() {
	defer close(r.done)
	for {
		select {
		case size := <-r.watcher.C:
			if r.session.Resize(sshclient.Size(size)) != nil {
				return // the session is over
			}
		case <-r.stop:
			return
		}
	}
}

func (r *resizer) end() {
	r.watcher.Close()
	close(r.stop)
	<-r.done
}
