package tunnel

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// Exit codes of a command that has none of its own, as shells give them.
const (
	exitNotRunnable = 126
	exitNotFound    = 127
	exitSignal      = 128 // and the signal's number
)

// Command is a program that runs beside a Server and uses its ports. It has our standard files.
type Command struct {
	Words   []string
	Environ []string
	Signals <-chan os.Signal // passed on to it, also what came before its start
	// Terminal says that a terminal tells the command of its keys by itself, as it tells us.
	Terminal bool
}

// Run runs the command and gives its exit code; one that died of a signal has 128 and the signal's number, one that cannot be
// started 127 or 126, with an error.
func (c Command) Run() (int, error) {
	cmd := exec.Command(c.Words[0], c.Words[1:]...)
	cmd.Env = c.Environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			return exitNotFound, err
		}
		return exitNotRunnable, err
	}
	ended := make(chan error, 1)
	go wait(cmd, ended)
	for {
		select {
		case s := <-c.Signals:
			if !(c.Terminal && isKey(s)) {
				cmd.Process.Signal(s)
			}
		case err := <-ended:
			return exitCode(cmd.ProcessState, err)
		}
	}
}

func wait(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }

func exitCode(state *os.ProcessState, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return exitNotRunnable, err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return ExitOf(status.Signal()), nil
	}
	return state.ExitCode(), nil
}

// ExitOf is the exit code of a command that a signal has ended.
func ExitOf(s os.Signal) int {
	number, _ := s.(syscall.Signal)
	return exitSignal + int(number)
}

// isKey says that a signal may come from a key.
func isKey(s os.Signal) bool { return s == os.Interrupt || s == syscall.SIGQUIT }
