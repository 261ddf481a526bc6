//go:build unix

package tunnel

import (
	"errors"
	"syscall"
)

// What the system calls an address, or a family of addresses, that it lacks.
const (
	errNoAddress = syscall.EADDRNOTAVAIL
	errNoFamily  = syscall.EAFNOSUPPORT
)

// isReaderGone says that a pipe has nobody left to read it.
func isReaderGone(err error) bool { return errors.Is(err, syscall.EPIPE) }
