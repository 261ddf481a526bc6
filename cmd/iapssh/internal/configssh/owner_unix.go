//go:build !windows

package configssh

import (
	"io/fs"
	"os"
	"syscall"
)

// giveToOwner gives a file to the owner and the group of another.
func giveToOwner(f *os.File, other fs.FileInfo) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	has, known := info.Sys().(*syscall.Stat_t)
	wants, told := other.Sys().(*syscall.Stat_t)
	if !known || !told || has.Uid == wants.Uid && has.Gid == wants.Gid {
		return nil
	}
	return f.Chown(int(wants.Uid), int(wants.Gid))
}
