//go:build unix

package sshtest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// havePTY says that this system has terminals to give.
const havePTY = true

// command returns what the session's request stands for: the shell as a login
// shell, or with -c.
func (s *Session) command() *exec.Cmd {
	shell := s.server.Shell
	if len(shell) == 0 {
		shell = []string{"/bin/sh"}
		if login := os.Getenv("SHELL"); login != "" {
			shell = []string{login}
		}
	}
	if s.Command != "" {
		return exec.Command(shell[0], append(shell[1:len(shell):len(shell)], "-c", s.Command)...)
	}
	cmd := exec.Command(shell[0], shell[1:]...)
	cmd.Args[0] = "-" + filepath.Base(shell[0])
	return cmd
}

// detach gives the command a session of its own, so that signals reach all of it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

func signalGroup(cmd *exec.Cmd, name string) {
	if number := unix.SignalNum("SIG" + name); number != 0 {
		syscall.Kill(-cmd.Process.Pid, number)
	}
}

func killGroup(cmd *exec.Cmd) {
	syscall.Kill(-cmd.Process.Pid, syscall.SIGHUP)
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}

// outcome translates how a command ended.
func outcome(err error, cmd *exec.Cmd) Exit {
	if err == nil {
		return Exit{}
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		return Exit{Status: exitNotStarted}
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Signal: strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG")}
	}
	return Exit{Status: cmd.ProcessState.ExitCode()}
}

// runTerminal runs a command on a terminal of its own. Like sshd it ends with the
// command, even if others still hold the terminal.
func (s *Session) runTerminal(cmd *exec.Cmd) Exit {
	master, err := startOnTerminal(cmd, s.PTY.Size)
	if err != nil {
		io.WriteString(s.Stdout, err.Error()+"\r\n")
		return Exit{Status: exitNotStarted}
	}
	t := &terminal{session: s, master: master}
	finished, watched, output := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.work.Add(1)
	go t.copyOutput(output)
	go t.copyInput()
	go t.watch(cmd, finished, watched)

	exit := outcome(cmd.Wait(), cmd)
	master.SetReadDeadline(time.Now().Add(quiet))
	<-output
	close(finished)
	<-watched
	master.Close()
	return exit
}

// startOnTerminal starts the command on a new terminal. The master stays in
// non-blocking mode, so that its reads have deadlines and end with Close.
func startOnTerminal(cmd *exec.Cmd, size Size) (master *os.File, err error) {
	master, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	if err = resize(master, size); err == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		err = cmd.Start()
	}
	if err != nil {
		master.Close()
		return nil, err
	}
	return master, nil
}

// resize sets the terminal's size, without File.Fd, which would make it blocking.
func resize(master *os.File, size Size) error {
	raw, err := master.SyscallConn()
	if err != nil {
		return err
	}
	ws := unix.Winsize{
		Col: uint16(size.Columns), Row: uint16(size.Rows),
		Xpixel: uint16(size.Width), Ypixel: uint16(size.Height),
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &ws) })
	return errors.Join(err, failed)
}

// quiet is how long a terminal must have had no output after its command's exit to
// be taken for drained, if a process in the background still holds it.
const quiet = 50 * time.Millisecond

// terminal is the master side of a command's terminal.
type terminal struct {
	session *Session
	master  *os.File
}

// copyOutput copies until the last holder has closed the terminal, which Linux
// reports as EIO and others as EOF, or the command has exited and all is quiet.
func (t *terminal) copyOutput(done chan<- struct{}) {
	defer close(done)
	buf := make([]byte, 32<<10)
	for {
		n, err := t.master.Read(buf)
		if n > 0 {
			if _, err := t.session.Stdout.Write(buf[:n]); err != nil {
				t.master.Close() // hangs up
				return
			}
		}
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !late {
			return
		}
		if late && n == 0 && t.drained(buf) {
			return
		}
	}
}

// drained gives the terminal a last time to say something: the deadline may have
// passed while the client was not reading.
func (t *terminal) drained(buf []byte) bool {
	t.master.SetReadDeadline(time.Now().Add(quiet))
	n, err := t.master.Read(buf)
	if n > 0 {
		t.session.Stdout.Write(buf[:n])
	}
	return err != nil
}

// copyInput ends when the client has closed the session.
func (t *terminal) copyInput() {
	defer t.session.work.Done()
	io.Copy(t.master, t.session.Stdin)
	io.Copy(io.Discard, t.session.Stdin)
}

// watch passes sizes and signals on, and hangs up when the client has left.
func (t *terminal) watch(cmd *exec.Cmd, finished <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	for {
		select {
		case <-finished:
			return
		case size := <-t.session.Resized:
			resize(t.master, size)
		case name := <-t.session.Signals:
			signalGroup(cmd, name)
		case <-t.session.Done:
			killGroup(cmd)
			<-finished
			return
		}
	}
}
