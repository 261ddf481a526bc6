package sshtest

import (
	"io"
	"os"
	"os/exec"
	"sync"
)

// exitNotStarted is a shell's status for a command that cannot be run.
const exitNotStarted = 127

// runLocal runs a command of this machine.
func (s *Session) runLocal() Exit {
	cmd := s.command()
	cmd.Dir = s.server.Dir
	cmd.Env = append(append(os.Environ(), s.server.Env...), s.Env...)
	if s.PTY != nil {
		cmd.Env = append(cmd.Env, "TERM="+s.PTY.Term)
		return s.runTerminal(cmd)
	}
	return s.runPipes(cmd)
}

// runPipes runs a command without a terminal. Like sshd it waits until all
// writers of the command's output have closed it.
func (s *Session) runPipes(cmd *exec.Cmd) Exit {
	p := &pipes{session: s}
	if err := p.open(cmd); err != nil {
		return p.fail(err)
	}
	detach(cmd)
	err := cmd.Start()
	p.closeRemote()
	if err != nil {
		p.closeLocal()
		return p.fail(err)
	}
	finished, watched := make(chan struct{}), make(chan struct{})
	p.outputs.Add(2)
	s.work.Add(1)
	go p.copyStdout()
	go p.copyStderr()
	go p.copyStdin()
	go p.watch(cmd, finished, watched)

	p.outputs.Wait()
	exit := outcome(cmd.Wait(), cmd)
	close(finished)
	<-watched
	p.closeLocal()
	return exit
}

// pipes are the three pipes of a command without a terminal.
type pipes struct {
	session *Session
	local   [3]*os.File // our ends
	remote  [3]*os.File // the command's
	outputs sync.WaitGroup
}

func (p *pipes) open(cmd *exec.Cmd) error {
	for i := range p.local {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeRemote()
			p.closeLocal()
			return err
		}
		if i == 0 {
			p.local[i], p.remote[i] = w, r
		} else {
			p.local[i], p.remote[i] = r, w
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.remote[0], p.remote[1], p.remote[2]
	return nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

func (p *pipes) closeLocal()  { closeFiles(p.local[:]) }
func (p *pipes) closeRemote() { closeFiles(p.remote[:]) }

func (p *pipes) fail(err error) Exit {
	io.WriteString(p.session.Stderr, err.Error()+"\n")
	return Exit{Status: exitNotStarted}
}

// copyStdin ends when the client has closed the session.
func (p *pipes) copyStdin() {
	defer p.session.work.Done()
	io.Copy(p.local[0], p.session.Stdin)
	p.local[0].Close()
	io.Copy(io.Discard, p.session.Stdin) // the client must not stall on its window
}

func (p *pipes) copyStdout() {
	defer p.outputs.Done()
	io.Copy(p.session.Stdout, p.local[1])
	p.local[1].Close()
}

func (p *pipes) copyStderr() {
	defer p.outputs.Done()
	io.Copy(p.session.Stderr, p.local[2])
	p.local[2].Close()
}

// watch passes signals on, and gives the command SIGPIPE when the client reads no
// more and its end when the client has left.
func (p *pipes) watch(cmd *exec.Cmd, finished <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	deaf := p.session.deaf
	for {
		select {
		case <-finished:
			return
		case name := <-p.session.Signals:
			signalGroup(cmd, name)
		case <-deaf:
			deaf = nil
			p.local[1].Close()
		case <-p.session.Done:
			killGroup(cmd)
			p.closeLocal()
			<-finished
			return
		}
	}
}
