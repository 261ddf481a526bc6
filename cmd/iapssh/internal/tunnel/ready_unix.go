//go:build unix

package tunnel

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Inherited opens a descriptor that whoever started us has left open for us; what we start does not inherit it in turn. One that
// this process has opened is never taken: all that Go opens is closed at exec.
func Inherited(fd int) (*os.File, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return nil, fmt.Errorf("descriptor %d is not open", fd)
	}
	if fd > 2 {
		unix.CloseOnExec(fd)
	}
	return os.NewFile(uintptr(fd), "ready-fd"), nil
}
