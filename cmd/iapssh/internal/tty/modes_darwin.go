package tty

import "golang.org/x/sys/unix"

const (
	getTermios      = unix.TIOCGETA
	setTermiosNow   = unix.TIOCSETA
	setTermiosFlush = unix.TIOCSETAF

	// switchedOff is the kernel's _POSIX_VDISABLE.
	switchedOff = 0xff
)

func systemCharacters() []character {
	return []character{{11, unix.VDSUSP}, {17, unix.VSTATUS}}
}

func systemInput() []bit { return nil }
