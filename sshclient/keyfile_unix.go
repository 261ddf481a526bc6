//go:build unix

package sshclient

import (
	"io/fs"
	"os"
	"syscall"
)

// openPermissions returns the permissions of a key file that others than its owner
// may use, and 0 if none may. As in OpenSSH a file of somebody else is not judged.
func openPermissions(info fs.FileInfo) fs.FileMode {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o077 == 0 {
		return 0
	}
	return info.Mode().Perm()
}

// withPPK says that a new key is also kept for PuTTY, which is gcloud's ssh on Windows alone.
const withPPK = false
