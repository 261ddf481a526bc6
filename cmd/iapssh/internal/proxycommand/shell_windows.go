package proxycommand

import (
	"os"
	"os/exec"
	"syscall"
)

// shell runs a command with cmd.exe, whose quoting is its own: the line is passed as it is.
func shell(command string) *exec.Cmd {
	path := os.Getenv("COMSPEC")
	if path == "" {
		path = "cmd.exe"
	}
	cmd := exec.Command(path)
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `/c ` + command}
	return cmd
}

// hangUp has no signal to send; closing the pipes is all the command hears.
func hangUp(*os.Process) {}
