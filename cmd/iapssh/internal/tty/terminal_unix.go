//go:build unix

package tty

import (
	"os"

	"golang.org/x/sys/unix"
)

// openControlling opens the terminal that controls this process.
func openControlling() (in, out *os.File, err error) {
	// Not os.OpenFile, which would make the descriptor non-blocking.
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: "/dev/tty", Err: err}
	}
	f := os.NewFile(uintptr(fd), "/dev/tty")
	return f, f, nil
}

// prepareOutput has nothing to do: terminals take sequences as they are.
func prepareOutput(*os.File) (undo func()) { return nil }

// askMode makes the terminal edit lines, with signal keys on and echo as said, and
// drops what was typed before. It returns what takes that back.
func askMode(f *os.File, echo bool) (undo func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	asking := *before
	asking.Iflag |= unix.ICRNL
	asking.Oflag |= unix.OPOST | unix.ONLCR
	asking.Lflag |= unix.ICANON | unix.ISIG | unix.ECHO
	if !echo {
		asking.Lflag &^= unix.ECHO | unix.ECHONL
	}
	if err := unix.IoctlSetTermios(fd, setTermiosFlush, &asking); err != nil {
		return nil, err
	}
	return func() { unix.IoctlSetTermios(fd, setTermiosNow, before) }, nil
}
