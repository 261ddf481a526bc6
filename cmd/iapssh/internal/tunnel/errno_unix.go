//go:build unix

package tunnel

import "syscall"

// What the system calls an address, or a family of addresses, that it lacks.
const (
	errNoAddress = syscall.EADDRNOTAVAIL
	errNoFamily  = syscall.EAFNOSUPPORT
)
