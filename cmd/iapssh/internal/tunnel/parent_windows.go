package tunnel

import (
	"context"

	"golang.org/x/sys/windows"
)

// parentInterval bounds a wait, so that the context is heeded too; in milliseconds.
const parentInterval = 500

func awaitEnd(ctx context.Context, pid int, _ bool) error {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(process)
	for ctx.Err() == nil {
		event, err := windows.WaitForSingleObject(process, parentInterval)
		if err != nil || event == windows.WAIT_OBJECT_0 {
			return err
		}
	}
	return ctx.Err()
}
