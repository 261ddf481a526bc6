package tty

import "golang.org/x/sys/unix"

const (
	getTermios      = unix.TCGETS2
	setTermiosNow   = unix.TCSETS
	setTermiosFlush = unix.TCSETSF

	// switchedOff is the kernel's _POSIX_VDISABLE.
	switchedOff = 0
)

func systemCharacters() []character { return []character{{16, unix.VSWTC}} }

func systemInput() []bit { return []bit{{37, unix.IUCLC}} }
