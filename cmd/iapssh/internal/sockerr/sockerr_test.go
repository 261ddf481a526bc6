package sockerr_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
)

// Real sockets: on each system the numbers are those of the others.
func TestErrno(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Listen("tcp", l.Addr().String()); sockerr.Errno(err) != syscall.EADDRINUSE {
		t.Errorf("a port that is taken: %v", err)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.(*net.TCPConn).SetLinger(0)
	server.Close()
	if _, err := client.Read(make([]byte, 1)); sockerr.Errno(err) != syscall.ECONNRESET || !sockerr.HungUp(err) {
		t.Errorf("a reset: %v", err)
	}
	l.Close()
	if _, err := net.Dial("tcp", l.Addr().String()); sockerr.Errno(err) != syscall.ECONNREFUSED || sockerr.HungUp(err) {
		t.Errorf("nobody listens: %v", err)
	}
	for _, err := range []error{io.EOF, fmt.Errorf("read: %w", io.ErrUnexpectedEOF)} {
		if sockerr.Errno(err) != 0 || !sockerr.HungUp(err) {
			t.Errorf("%v", err)
		}
	}
	if err := errors.New("another"); sockerr.Errno(err) != 0 || sockerr.HungUp(err) {
		t.Errorf("%v", err)
	}
}
