package tunnel

import (
	"context"
	"os"
)

// AwaitParent returns nil when the process pid has ended; 0 is our parent. An error is ctx's, or says that it cannot be told.
func AwaitParent(ctx context.Context, pid int) error {
	ours := pid == 0
	if ours {
		pid = os.Getppid()
	}
	return awaitEnd(ctx, pid, ours)
}
