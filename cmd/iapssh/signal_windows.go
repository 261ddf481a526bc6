package main

import "os"

// endSignals are those that ask us to end; Go maps Ctrl-C and Ctrl-Break to it.
func endSignals() []os.Signal { return []os.Signal{os.Interrupt} }

// catchBrokenPipe has nothing to do: there is no such signal.
func catchBrokenPipe() {}
