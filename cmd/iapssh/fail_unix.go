//go:build unix

package main

import "syscall"

// isOpen says whether a descriptor was inherited.
func isOpen(fd int) bool {
	var stat syscall.Stat_t
	return syscall.Fstat(fd, &stat) == nil
}
