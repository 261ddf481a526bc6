//go:build unix

package control

import (
	"net"
	"os"
)

// listenAt listens under another name first: only when nothing is left to do does the
// socket get its own.
func listenAt(path string) (*net.UnixListener, error) {
	temporary := beside(path)
	if len(temporary) > len(path) && checkPath(temporary) != nil {
		temporary = path[:len(path)-1] + "~" // as long as the path, which fits
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	defer os.Remove(temporary)
	// Whoever is quicker than this is still asked who he is.
	if err = os.Chmod(temporary, 0o600); err == nil {
		err = os.Link(temporary, path)
	}
	if err != nil {
		listener.Close()
		return nil, exists(path, err)
	}
	return listener, nil
}
