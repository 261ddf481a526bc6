package sshtest

import (
	"errors"
	"os/exec"
	"syscall"
)

// havePTY says that there are no terminals to give: sessions get pipes.
const havePTY = false

// command returns what the session's request stands for, run by cmd.exe, whose
// quoting is not that of other programs.
func (s *Session) command() *exec.Cmd {
	if len(s.server.Shell) > 0 {
		args := s.server.Shell[1:len(s.server.Shell):len(s.server.Shell)]
		if s.Command != "" {
			args = append(args, s.Command)
		}
		return exec.Command(s.server.Shell[0], args...)
	}
	cmd := exec.Command("cmd.exe")
	if s.Command != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /d /s /c "` + s.Command + `"`}
	}
	return cmd
}

func (s *Session) runTerminal(cmd *exec.Cmd) Exit { return s.runPipes(cmd) }

func detach(*exec.Cmd) {}

// signalGroup ends the command on the signals that mean that.
func signalGroup(cmd *exec.Cmd, name string) {
	switch name {
	case "INT", "TERM", "KILL", "HUP", "QUIT":
		cmd.Process.Kill()
	}
}

func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }

func outcome(err error, cmd *exec.Cmd) Exit {
	if err == nil {
		return Exit{}
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		return Exit{Status: exitNotStarted}
	}
	return Exit{Status: cmd.ProcessState.ExitCode()}
}
