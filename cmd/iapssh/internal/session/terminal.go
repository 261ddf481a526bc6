package session

import (
	"sync"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/sshclient"
)

// describe is the local terminal as a pty-req has it.
func describe(terminal *tty.Terminal, environ []string) *sshclient.PTY {
	pty := &sshclient.PTY{Modes: terminal.Modes(), Term: variable(environ, "TERM")}
	if size, err := terminal.Size(); err == nil {
		pty.Size = sshclient.Size(size)
	}
	return pty
}

// console is the local terminal for the length of a session: raw, unless the
// session is suspended or in the background. Its goroutine, run, watches for changes
// of size and for job control.
type console struct {
	terminal *tty.Terminal
	session  *sshclient.Session
	out      *output
	sizes    *tty.SizeWatcher
	jobs     *tty.Jobs
	notice   *linkNotice
	stop     chan struct{}
	done     chan struct{}

	mu       sync.Mutex
	detached bool // guarded by mu; the terminal is the shell's again, for good
}

// openConsole makes the terminal raw, and its changes known to the far side, until close.
func openConsole(terminal *tty.Terminal, s *sshclient.Session, out *output, notice *linkNotice) (*console, error) {
	c := &console{terminal: terminal, session: s, out: out, notice: notice, stop: make(chan struct{}), done: make(chan struct{})}
	if err := c.raw(); err != nil {
		return nil, err
	}
	c.sizes, c.jobs = terminal.WatchSize(), tty.WatchJobs()
	go c.run()
	return c, nil
}

// close gives the terminal back.
func (c *console) close() {
	close(c.stop)
	<-c.done
	c.jobs.Close()
	c.sizes.Close()
	c.cooked()
}

func (c *console) run() {
	defer close(c.done)
	defer c.notice.hide()
	for {
		select {
		case size := <-c.sizes.C:
			c.session.Resize(sshclient.Size(size)) // a session that is over takes none
		case <-c.jobs.Stop:
			c.suspend()
		case <-c.jobs.Continue:
			c.resume()
		case <-c.notice.tick():
			c.notice.look()
		case <-c.stop:
			return
		}
	}
}

// suspend restores the terminal and stops this process, until it is continued.
func (c *console) suspend() {
	c.cooked()
	for waiting := c.jobs.Suspend(); waiting; {
		select {
		case <-c.jobs.Continue:
			waiting = false
		case <-c.jobs.Stop: // the kernel lets it take the place of a SIGCONT that we have not seen
			waiting = c.jobs.Suspend()
		}
	}
	c.resume()
}

// resume makes the terminal raw again: the shell has restored it meanwhile. In the
// background that stops the process, until it has the terminal, as with ssh.
func (c *console) resume() {
	c.mu.Lock()
	detached := c.detached
	c.mu.Unlock()
	if detached || c.raw() != nil {
		return
	}
	if size, err := c.terminal.Size(); err == nil {
		c.session.Resize(sshclient.Size(size))
	}
}

// detach gives the terminal back for good.
func (c *console) detach() {
	c.mu.Lock()
	c.detached = true
	c.mu.Unlock()
	c.cooked()
}

func (c *console) raw() error {
	if err := c.terminal.MakeRaw(); err != nil {
		return err
	}
	c.out.to.setRaw(true)
	return nil
}

func (c *console) cooked() {
	c.out.to.setRaw(false)
	c.terminal.Restore()
}
