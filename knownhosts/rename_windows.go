package knownhosts

import "os"

// renameOver puts the file temp in the place of path, which f has open and locked.
// Windows does not replace an open file: for a moment there is no lock.
func renameOver(f *os.File, temp, path string) error {
	f.Close()
	return os.Rename(temp, path)
}
