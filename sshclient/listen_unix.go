//go:build unix

package sshclient

import (
	"net"
	"sync"
	"syscall"
)

// umask guards the process's, which there is one of.
var umask sync.Mutex

// bindUnix listens on a new socket with the permissions that mask leaves.
func bindUnix(path string, mask uint32) (net.Listener, error) {
	umask.Lock()
	defer umask.Unlock()
	defer syscall.Umask(syscall.Umask(int(mask)))
	return net.Listen("unix", path)
}
