//go:build unix

package control

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// canPassFiles says whether there are passengers.
const canPassFiles = true

// receiveFile takes a file that comes with the next byte. It is closed to our children.
func receiveFile(socket *net.UnixConn, name string) (*os.File, error) {
	var one [1]byte
	rights := make([]byte, unix.CmsgSpace(4*maxRights))
	n, rightsLength, _, _, err := socket.ReadMsgUnix(one[:], rights)
	if err != nil {
		return nil, err
	}
	fds, err := parseRights(rights[:rightsLength])
	if err != nil || n != 1 || len(fds) != 1 {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return nil, fmt.Errorf("%w: no file came for %s: %d of them (%v)", errProtocol, name, len(fds), err)
	}
	return os.NewFile(uintptr(fds[0]), name), nil
}

// sendFile passes a file, with a byte.
func sendFile(socket *net.UnixConn, f *os.File) error {
	raw, err := f.SyscallConn() // Fd would change the file that others share
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) { _, _, sent = socket.WriteMsgUnix([]byte{0}, unix.UnixRights(int(fd)), nil) })
	return errors.Join(err, sent)
}

// maxRights is how many files are received with one byte, so that none is lost track of.
const maxRights = 16

func parseRights(data []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(data)
	if err != nil {
		return nil, err
	}
	var all []int
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return all, err
		}
		all = append(all, fds...)
	}
	return all, nil
}
