package iap

import (
	"net"
	"time"
)

const (
	// unsentInKernel is how much the kernel may hold that has not left, in bytes, so that a keystroke does not queue there behind
	// megabytes of an upload.
	unsentInKernel = 32 << 10
	// userTimeout is how long sent bytes may stay unacknowledged by the relay's TCP: it notices a dead network while a write is
	// blocked, when pings cannot. Linux counts a relay that keeps its window shut as well; the session then resumes for nothing.
	userTimeout = time.Minute
)

// tuneTCP sets what makes a long upload responsive and a dead network noticed, where conn is a TCP socket and the system knows how.
// A system that does not is no error.
func tuneTCP(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(setSocketOptions)
}
