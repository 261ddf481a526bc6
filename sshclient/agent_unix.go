//go:build unix

package sshclient

import (
	"io"
	"net"
)

func dialAgent(path string) (io.ReadWriteCloser, error) { return net.Dial("unix", path) }
