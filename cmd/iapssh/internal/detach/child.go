package detach

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// Child is the second process, seen from the first.
type Child struct {
	cmd   *exec.Cmd
	ready *os.File
}

// Start starts program, this one, again with the plan. words follow Argument, for
// those who list processes.
func Start(program string, plan []byte, words ...string) (*Child, error) {
	planOut, planIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer planIn.Close()
	ready, readyIn, err := os.Pipe()
	if err != nil {
		planOut.Close()
		return nil, err
	}
	cmd := exec.Command(program)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	handles, err := bequeath(cmd, planOut, readyIn)
	if err == nil {
		cmd.Args = append(append([]string{os.Args[0], Argument}, handles...), words...)
		err = cmd.Start()
	}
	planOut.Close()
	readyIn.Close()
	if err != nil {
		ready.Close()
		return nil, err
	}
	if _, err := planIn.Write(plan); err != nil && !errors.Is(err, syscall.EPIPE) {
		cmd.Process.Kill()
	}
	return &Child{cmd: cmd, ready: ready}, nil
}

// Wait returns when the child has detached itself, with 0, or has ended, with its
// exit status; 255 if it has none.
func (c *Child) Wait() int {
	defer c.ready.Close()
	if n, _ := c.ready.Read(make([]byte, 1)); n == 1 {
		c.cmd.Process.Release()
		return 0
	}
	c.cmd.Wait()
	if code := c.cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	return 255
}

// Signal passes a signal on to a child that has not detached itself.
func (c *Child) Signal(s os.Signal) { c.cmd.Process.Signal(s) }
