package iaptest

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"golang.org/x/net/nettest"
)

func TestPipe(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := newPipe()
		return a, b, func() { a.Close(); b.Close() }, nil
	})
}

func TestPipeHalfClose(t *testing.T) {
	a, b := newPipe()
	io.WriteString(a, "last")
	a.CloseWrite()
	if got, err := io.ReadAll(b); string(got) != "last" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	io.WriteString(b, "answer")
	b.Close()
	if got, err := io.ReadAll(a); string(got) != "answer" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("wrote after CloseWrite")
	}
}

func TestPipeReset(t *testing.T) {
	a, b := newPipe()
	io.WriteString(a, "lost")
	a.reset()
	if _, err := b.Read(make([]byte, 4)); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	if _, err := b.Write(make([]byte, 4)); !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}
