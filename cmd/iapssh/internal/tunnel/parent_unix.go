//go:build unix

package tunnel

import (
	"context"
	"os"
	"syscall"
	"time"
)

// parentInterval is how soon the end of a parent is noticed.
const parentInterval = time.Second

// awaitEnd looks every now and then: only Linux has a way to be told of the end of a process that is not a child.
func awaitEnd(ctx context.Context, pid int, parent bool) error {
	tick := time.NewTicker(parentInterval)
	defer tick.Stop()
	for {
		if parent && os.Getppid() != pid || syscall.Kill(pid, 0) == syscall.ESRCH {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
