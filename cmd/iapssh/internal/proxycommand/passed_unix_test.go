//go:build unix

package proxycommand

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// inDialer makes the test binary a dialer: it connects to the address given and hands the connection over.
const inDialer = "PROXYCOMMAND_TEST_DIALER"

func TestMain(m *testing.M) {
	if address := os.Getenv(inDialer); address != "" {
		os.Exit(dialer(address))
	}
	os.Exit(m.Run())
}

func dialer(address string) int {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 1
	}
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		return 2
	}
	if err := syscall.Sendmsg(1, []byte{0}, syscall.UnixRights(int(f.Fd())), nil, 0); err != nil {
		return 3
	}
	return 0
}

func TestPassed(t *testing.T) {
	t.Setenv("SHELL", "/bin/sh")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	t.Setenv(inDialer, listener.Addr().String())
	conn, err := DialPassed(t.Context(), os.Args[0], "host")
	if err != nil {
		t.Fatal(err)
	}
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if _, err := io.WriteString(conn, "there"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "there" {
		t.Errorf("the far side read %q, %v", got, err)
	}
	read := make(chan error)
	go readTo(conn, read)
	conn.Close()
	if err := <-read; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a read that Close ends: %v", err)
	}
	if rest, err := io.ReadAll(peer); err != nil || len(rest) > 0 {
		t.Errorf("the far side then read %q, %v", rest, err)
	}
}

func readTo(conn net.Conn, done chan<- error) {
	_, err := conn.Read(make([]byte, 1))
	done <- err
}

// A command that does not hand anything over is an error, and one that takes forever is ended.
func TestNotPassed(t *testing.T) {
	t.Setenv("SHELL", "/bin/sh")
	for _, command := range []string{"true", "echo text", "sh -c 'exec <&- >&-; exec sleep 100'"} {
		if conn, err := DialPassed(t.Context(), command, "host"); !errors.Is(err, errNotPassed) {
			t.Errorf("%s: %v, %v", command, conn, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("reason")
	cancel(reason)
	if _, err := DialPassed(ctx, "sleep 100", "host"); !errors.Is(err, reason) {
		t.Errorf("after its context: %v", err)
	}
}
