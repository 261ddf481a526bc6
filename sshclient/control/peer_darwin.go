package control

import "golang.org/x/sys/unix"

// peerUser is the user at the other end of a Unix socket.
func peerUser(fd int) (uid int, err error) {
	peer, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(peer.Uid), nil
}
