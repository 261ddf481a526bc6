//go:build unix

package control

import (
	"fmt"
	"net"
	"os"
)

// checkPeer returns ErrForeign unless the other end is this user's or root's.
func checkPeer(socket *net.UnixConn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var uid int
	var failed error
	if err := raw.Control(func(fd uintptr) { uid, failed = peerUser(int(fd)) }); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if !mayShare(uid, os.Geteuid()) {
		return fmt.Errorf("%w: of user id %d", ErrForeign, uid)
	}
	return nil
}

// mayShare says whether a peer's user may share a connection of ours, as in OpenSSH.
func mayShare(peer, we int) bool { return peer == we || peer == 0 }
