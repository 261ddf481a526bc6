//go:build unix

package tunnel

import (
	"os"
	"os/signal"
	"syscall"
)

// Asked gives a channel that gets something whenever somebody asks for a snapshot by SIGUSR1, and ends that.
func Asked() (asked <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	return signals, func() { signal.Stop(signals) }
}
