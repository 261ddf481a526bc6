//go:build !windows

package cache

import (
	"io/fs"
	"os"
	"syscall"
)

func makePrivate(dir string) error { return os.Mkdir(dir, 0o700) }

func checkPrivate(root *os.Root) error {
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	if !isPrivate(info, os.Geteuid()) {
		return ErrNotPrivate
	}
	return nil
}

// isPrivate says that a directory belongs to uid, and that nobody else may even look.
func isPrivate(info fs.FileInfo, uid int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == uid && info.Mode().Perm()&0o077 == 0
}
