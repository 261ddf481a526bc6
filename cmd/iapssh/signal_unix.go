//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals are those that ask us to end. ssh sends SIGHUP to its ProxyCommand when it is done.
func endSignals() []os.Signal {
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
}

// dieOf ends the process by a signal, so that who waits for it knows; but not by SIGQUIT, which Go's runtime answers with a dump of
// its own.
func dieOf(s syscall.Signal) {
	if s == syscall.SIGQUIT {
		return
	}
	signal.Reset(s)
	syscall.Kill(os.Getpid(), s)
	select {} // until it arrives
}

// catchBrokenPipe makes a closed stdout an error of Write, so that the session with the relay is closed in order. The signal is
// caught, not ignored: our children would inherit that.
func catchBrokenPipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
