package tty

import (
	"errors"

	"golang.org/x/sys/unix"
)

// waitInput returns when fd can be read, at its end or in error too, or
// ErrInterrupted when wake can.
func waitInput(fd, wake int) error {
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case fds[1].Revents != 0:
			return ErrInterrupted
		case fds[0].Revents != 0:
			return nil
		}
	}
}
