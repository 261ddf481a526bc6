//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals are those that ask us to end. ssh sends SIGHUP to its ProxyCommand when it is done; who has an alarm set before he
// executes us wants to be rid of us in time. Go's runtime alone would ignore the last two.
func endSignals() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGALRM, syscall.SIGUSR2}
}

// ignored says whether a signal was ignored when we were started. Go's runtime does not tell that of SIGQUIT: shells ignore
// it together with SIGINT.
func ignored(s os.Signal) bool {
	if s == syscall.SIGQUIT {
		s = os.Interrupt
	}
	return signal.Ignored(s)
}

// askSignals are those that ask how things are, where anybody answers them; elsewhere they end ssh.
func askSignals() []os.Signal { return []os.Signal{syscall.SIGUSR1} }

// dieOf ends the process by a signal, so that who waits for it knows; but not by those that do not end a Go program, and not by
// SIGQUIT, which its runtime answers with a dump of its own.
func dieOf(s syscall.Signal) {
	if s != syscall.SIGINT && s != syscall.SIGTERM && s != syscall.SIGHUP {
		return
	}
	signal.Reset(s)
	syscall.Kill(os.Getpid(), s)
	select {} // until it arrives
}

// catchBrokenPipe makes a closed stdout an error of Write, so that the session with the relay is closed in order. The signal is
// caught, not ignored: our children would inherit that.
func catchBrokenPipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
