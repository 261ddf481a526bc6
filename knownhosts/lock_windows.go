package knownhosts

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks f until it is closed, or tells that another has it locked.
// Locks of Windows keep others from reading what they cover: it covers one byte
// that no file reaches.
func tryLock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	beyond := &windows.Overlapped{OffsetHigh: 0x7fffffff}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, beyond)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

// renameOver puts the file temp in the place of path, which f has open and locked.
// Windows does not replace an open file: for a moment there is no lock.
func renameOver(f *os.File, temp, path string) error {
	f.Close()
	return os.Rename(temp, path)
}
