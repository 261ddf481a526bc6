package tty

import (
	"errors"
	"os"
)

// Jobs is the shell's job control, which Windows has none of: nothing is ever sent.
type Jobs struct {
	Stop, Continue <-chan os.Signal
}

// WatchJobs watches nothing.
func WatchJobs() *Jobs { return &Jobs{} }

func watchContinue() *Jobs { return &Jobs{} }

// Suspend does nothing.
func (j *Jobs) Suspend() bool { return false }

// Close does nothing.
func (j *Jobs) Close() {}

// RequestStop does nothing.
func RequestStop() {}

var errNoJobs = errors.New("there is no job control here")

// ContinueSoon fails.
func ContinueSoon() error { return errNoJobs }
