//go:build unix

package line

import (
	"context"
	"net"
	"syscall"
)

// receiveBuffer is what the kernel may hold before the line, in bytes; Linux doubles it for its own accounts. Loopback's segments of
// 64 KiB would not fit in such a window, so they are made as small as a real line's.
const receiveBuffer = 8 << 10

func listen() (net.Listener, error) {
	return (&net.ListenConfig{Control: small}).Listen(context.Background(), "tcp", "127.0.0.1:0")
}

func dial(addr string) (net.Conn, error) {
	return (&net.Dialer{Control: small}).Dial("tcp", addr)
}

func small(_, _ string, raw syscall.RawConn) error {
	var err error
	failed := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
		if err == nil {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, packetSize)
		}
	})
	if failed != nil {
		return failed
	}
	return err
}
