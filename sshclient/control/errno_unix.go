//go:build unix

package control

import (
	"errors"
	"syscall"
)

// isRefused says that nobody listens at a socket's name.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// isReset says that the other end is gone, with something unread or unsaid.
func isReset(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}
