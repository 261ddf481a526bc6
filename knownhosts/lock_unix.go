//go:build !windows

package knownhosts

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks f until it is closed, or tells that another has it locked. A
// file system without locks is no reason not to write: the write is one append.
func tryLock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR):
		return false, nil
	case errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS):
		return true, nil
	}
	return err == nil, err
}

// renameOver puts the file temp in the place of path, which f has open and locked.
func renameOver(_ *os.File, temp, path string) error { return os.Rename(temp, path) }
