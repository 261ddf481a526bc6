package tunnel

import "golang.org/x/sys/windows"

// What the system calls an address, or a family of addresses, that it lacks: Go's own names for them never occur.
const (
	errNoAddress = windows.WSAEADDRNOTAVAIL
	errNoFamily  = windows.WSAEAFNOSUPPORT
)
