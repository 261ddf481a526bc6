package sockerr

import (
	"syscall"

	"golang.org/x/sys/windows"
)

func number(errno syscall.Errno) syscall.Errno {
	switch errno {
	case windows.WSAECONNREFUSED:
		return syscall.ECONNREFUSED
	case windows.WSAECONNRESET, windows.WSAECONNABORTED:
		return syscall.ECONNRESET
	case windows.WSAESHUTDOWN, windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA:
		return syscall.EPIPE
	case windows.WSAETIMEDOUT:
		return syscall.ETIMEDOUT
	case windows.WSAEHOSTUNREACH:
		return syscall.EHOSTUNREACH
	case windows.WSAENETUNREACH:
		return syscall.ENETUNREACH
	case windows.WSAEMFILE:
		return syscall.EMFILE
	case windows.WSAEADDRINUSE:
		return syscall.EADDRINUSE
	case windows.WSAEADDRNOTAVAIL:
		return syscall.EADDRNOTAVAIL
	case windows.WSAEAFNOSUPPORT:
		return syscall.EAFNOSUPPORT
	case windows.WSAEACCES:
		return syscall.EACCES
	}
	return errno
}
