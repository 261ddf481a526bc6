//go:build unix

package tty

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// pixelSize returns the size with its pixels.
func pixelSize(f *os.File) (Size, bool) {
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return Size{}, false
	}
	return Size{
		Columns: uint32(ws.Col), Rows: uint32(ws.Row),
		Width: uint32(ws.Xpixel), Height: uint32(ws.Ypixel),
	}, true
}

type resizeEvent = os.Signal

// resizeNews returns a channel of SIGWINCH, and what releases it.
func resizeNews() (<-chan resizeEvent, func()) {
	news := make(chan os.Signal, 1)
	signal.Notify(news, unix.SIGWINCH)
	return news, func() { signal.Stop(news) }
}
