package tty

import (
	"errors"

	"golang.org/x/sys/unix"
)

// waitInput returns when fd can be read, at its end or in error too, or
// ErrInterrupted when wake can. It uses select, as poll does not know terminals on macOS.
func waitInput(fd, wake int) error {
	if fd >= unix.FD_SETSIZE || wake >= unix.FD_SETSIZE {
		return unix.EMFILE
	}
	for {
		var set unix.FdSet
		set.Set(fd)
		set.Set(wake)
		_, err := unix.Select(max(fd, wake)+1, &set, nil, nil, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case set.IsSet(wake):
			return ErrInterrupted
		case set.IsSet(fd):
			return nil
		}
	}
}
