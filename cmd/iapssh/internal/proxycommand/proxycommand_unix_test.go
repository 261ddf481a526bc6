//go:build !windows

package proxycommand

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func dial(t *testing.T, command string) io.ReadWriteCloser {
	t.Helper()
	t.Setenv("SHELL", "/bin/sh")
	c, err := Dial(command, "host")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBothWays(t *testing.T) {
	c := dial(t, "cat")
	defer c.Close()
	if _, err := io.WriteString(c, "there and back"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 14)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "there and back" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCommandEnds(t *testing.T) {
	c := dial(t, "printf 'last words'")
	defer c.Close()
	if got, err := io.ReadAll(c); err != nil || string(got) != "last words" {
		t.Errorf("%q, %v", got, err)
	}
}

// Close ends a command that would go on, with SIGHUP, or by force.
func TestCloseEndsTheCommand(t *testing.T) {
	heeded := make(chan os.Signal, 1)
	signal.Notify(heeded, syscall.SIGHUP) // the commands would inherit that it is ignored, as under nohup
	defer signal.Stop(heeded)
	mark := filepath.Join(t.TempDir(), "mark")
	for _, script := range []string{
		"sh -c 'trap \"echo hup >" + mark + "; exit\" HUP; echo ready; while :; do sleep 0.01; done'",
		"sh -c 'trap \"\" HUP; echo ready; while :; do sleep 0.01; done'",
	} {
		c := dial(t, script)
		io.ReadFull(c, make([]byte, 6))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
	}
	if text, err := os.ReadFile(mark); err != nil || string(text) != "hup\n" {
		t.Errorf("the first command was told %q, %v", text, err)
	}
}

// A handshake that fails because another goroutine closes the conn comes back before that Close has: the process waits in a
// Close of its own.
func TestSecondCloseWaits(t *testing.T) {
	c := dial(t, "sh -c 'trap \"\" HUP; echo ready; while :; do sleep 0.01; done'")
	io.ReadFull(c, make([]byte, 6))
	go c.Close()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes", n)
	}
	c.Close()
	select {
	case <-c.(*conn).ended:
	default:
		t.Error("the command goes on")
	}
}

func TestDeadline(t *testing.T) {
	t.Setenv("SHELL", "/bin/sh")
	c, err := Dial("cat", "host")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
}
