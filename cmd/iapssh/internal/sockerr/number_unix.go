//go:build unix

package sockerr

import "syscall"

func number(errno syscall.Errno) syscall.Errno { return errno }
