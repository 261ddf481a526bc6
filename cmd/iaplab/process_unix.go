//go:build !windows

package main

import (
	"os"
	"syscall"
)

func forwarded() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
}

// reachesUsAlone: the terminal sends SIGINT and SIGQUIT to the command as well.
func reachesUsAlone(s os.Signal) bool { return s != syscall.SIGINT && s != syscall.SIGQUIT }

// exitCode is the command's, or as a shell has it for one that a signal killed.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
