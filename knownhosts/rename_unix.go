//go:build !windows

package knownhosts

import "os"

// renameOver puts the file temp in the place of path, which f has open and locked.
func renameOver(_ *os.File, temp, path string) error { return os.Rename(temp, path) }
