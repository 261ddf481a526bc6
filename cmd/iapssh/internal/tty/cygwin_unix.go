//go:build unix

package tty

import "os"

// IsCygwin is never true: Cygwin is on Windows.
func IsCygwin(*os.File) bool { return false }
