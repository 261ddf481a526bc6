//go:build unix

package session

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
)

func newTestKeyboard(t *testing.T) (k *keyboard, typing *os.File, obeyed chan escape) {
	t.Helper()
	in, typing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := tty.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	obeyed = make(chan escape, 8)
	k = newKeyboard(reader, '~', func(do escape) { obeyed <- do })
	t.Cleanup(func() { k.close(); reader.Close(); in.Close(); typing.Close() })
	return k, typing, obeyed
}

// Nobody sends anything, and yet the escape behind a large paste acts at once.
func TestEscapeBehindPaste(t *testing.T) {
	k, typing, obeyed := newTestKeyboard(t)
	paste := append(bytes.Repeat([]byte("p"), 100_000), '\r')
	start := time.Now()
	typing.Write(append(paste, "~."...))
	if do := <-obeyed; do != escDisconnect || time.Since(start) > 100*time.Millisecond {
		t.Errorf("obeyed %v after %v", do, time.Since(start))
	}
	typing.Close()
	if sent, err := io.ReadAll(k); !bytes.Equal(sent, paste) || err != nil {
		t.Errorf("%d of %d bytes are sent, %v", len(sent), len(paste), err)
	}
}

// What waits is bounded; the rest is left with the terminal.
func TestTypedIsBounded(t *testing.T) {
	k, typing, _ := newTestKeyboard(t)
	piece := make([]byte, 64<<10)
	written := make(chan int)
	go func() {
		total := 0
		for range 3 * maxTyped / len(piece) {
			n, err := typing.Write(piece)
			if total += n; err != nil {
				break
			}
		}
		written <- total
	}()
	for {
		k.mu.Lock()
		waiting := len(k.typed)
		k.mu.Unlock()
		if waiting > maxTyped+len(piece) {
			t.Fatalf("%d bytes wait", waiting)
		}
		if waiting > maxTyped {
			break
		}
		time.Sleep(time.Millisecond) // the other side is a process's pipe
	}
	go io.Copy(io.Discard, k)
	if n := <-written; n != 3*maxTyped {
		t.Errorf("%d bytes were taken", n)
	}
}

func TestKeyboardEnds(t *testing.T) {
	k, typing, _ := newTestKeyboard(t)
	io.WriteString(typing, "abc")
	buf := make([]byte, 2)
	if n, _ := k.Read(buf); string(buf[:n]) != "ab" {
		t.Errorf("read %q", buf[:n])
	}
	k.hangUp()
	if rest, err := io.ReadAll(k); string(rest) != "c\x04" || err != nil {
		t.Errorf("after hanging up %q, %v", rest, err)
	}
	k.Interrupt()
	if _, err := k.Read(buf); err != tty.ErrInterrupted {
		t.Errorf("after Interrupt %v", err)
	}
}
