package sshclient

import (
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// dialAgent opens a named pipe with overlapped I/O, so that Close ends a Read in
// progress; anything else is taken for a Unix socket.
func dialAgent(path string) (io.ReadWriteCloser, error) {
	if strings.HasPrefix(path, `\\.\pipe\`) || strings.HasPrefix(path, `//./pipe/`) {
		return os.OpenFile(path, os.O_RDWR|syscall.FILE_FLAG_OVERLAPPED, 0)
	}
	return net.Dial("unix", path)
}
