//go:build !windows

package proxycommand

import (
	"os"
	"os/exec"
	"syscall"
)

// shell runs a command as ssh does: the user's shell is replaced by it, so that a signal reaches it.
func shell(command string) *exec.Cmd {
	path := os.Getenv("SHELL")
	if path == "" {
		path = "/bin/sh"
	}
	return exec.Command(path, "-c", "exec "+command)
}

func hangUp(p *os.Process) { p.Signal(syscall.SIGHUP) }
