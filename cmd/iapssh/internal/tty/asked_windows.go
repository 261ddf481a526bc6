package tty

import (
	"os"

	"golang.org/x/sys/windows"
)

const ctrlBreakEvent = 1

// Asked gives a channel that gets something whenever somebody asks by Ctrl-Break how it goes, and ends that. Go's own handler,
// to which Ctrl-Break is an interrupt, is asked after ours.
func Asked() (asked <-chan os.Signal, stop func()) {
	events := make(chan os.Signal, 1)
	handler := windows.NewCallback(func(event uintptr) uintptr {
		if event != ctrlBreakEvent {
			return 0
		}
		select {
		case events <- os.Interrupt:
		default:
		}
		return 1
	})
	set := windows.NewLazySystemDLL("kernel32.dll").NewProc("SetConsoleCtrlHandler")
	set.Call(handler, 1)
	return events, func() { set.Call(handler, 0) }
}
