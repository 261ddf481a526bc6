package control

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/windows"
)

// listenAt listens under the name itself: sockets have no links here. Who may use it
// is what the directory's permissions say.
func listenAt(path string) (*net.UnixListener, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if errors.Is(err, windows.WSAEADDRINUSE) {
		err = fmt.Errorf("%w: %s", ErrExists, path)
	}
	return listener, err
}
