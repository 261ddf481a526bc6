package control

import "net"

// checkPeer leaves it to the permissions of the directory, as Windows does not tell the user
// at the other end of a socket.
func checkPeer(*net.UnixConn) error { return nil }
