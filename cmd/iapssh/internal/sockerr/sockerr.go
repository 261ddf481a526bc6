// Package sockerr tells by one set of numbers, POSIX's, what the error of a socket or a pipe is. Windows has others, which package
// syscall leaves as they are: number_windows.go has the list. Errno is the door.
package sockerr

import (
	"errors"
	"io"
	"slices"
	"syscall"
)

// Errno is the number of the system's error that err wraps, 0 if there is none.
func Errno(err error) syscall.Errno {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return 0
	}
	return number(errno)
}

// HungUp says that the far side ended the connection. Whether reading or writing notices it first is chance.
func HungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		slices.Contains([]syscall.Errno{syscall.ECONNRESET, syscall.EPIPE}, Errno(err))
}
