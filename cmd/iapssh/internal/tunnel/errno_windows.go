package tunnel

import (
	"errors"

	"golang.org/x/sys/windows"
)

// What the system calls an address, or a family of addresses, that it lacks: Go's own names for them never occur.
const (
	errNoAddress = windows.WSAEADDRNOTAVAIL
	errNoFamily  = windows.WSAEAFNOSUPPORT
)

// isReaderGone says that a pipe has nobody left to read it.
func isReaderGone(err error) bool {
	return errors.Is(err, windows.ERROR_NO_DATA) || errors.Is(err, windows.ERROR_BROKEN_PIPE)
}
