package main

import "os"

func forwarded() []os.Signal { return []os.Signal{os.Interrupt} }

// reachesUsAlone: the console sends Ctrl-C to the command as well.
func reachesUsAlone(os.Signal) bool { return false }

func exitCode(state *os.ProcessState) int { return state.ExitCode() }
