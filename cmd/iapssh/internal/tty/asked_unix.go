//go:build unix

package tty

import (
	"os"
	"os/signal"
	"syscall"
)

// Asked gives a channel that gets something whenever somebody asks by SIGUSR1 how it goes, and ends that.
func Asked() (asked <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	return signals, func() { signal.Stop(signals) }
}
