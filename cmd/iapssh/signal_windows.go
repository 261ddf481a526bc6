package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals are those that ask us to end; Go maps Ctrl-C and Ctrl-Break to it.
func endSignals() []os.Signal { return []os.Signal{os.Interrupt} }

// ignored says whether a signal was ignored when we were started.
func ignored(s os.Signal) bool { return signal.Ignored(s) }

// askSignals are none.
func askSignals() []os.Signal { return nil }

// catchBrokenPipe has nothing to do: there is no such signal.
func catchBrokenPipe() {}

// dieOf has nothing to do: a process ends with a status.
func dieOf(syscall.Signal) {}
