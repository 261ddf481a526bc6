//go:build unix

package tty

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// sharedPipe returns a pipe whose reading end is blocking, as one from a shell is.
func sharedPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	r, w = os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func newReader(t *testing.T, f *os.File) *Reader {
	t.Helper()
	r, err := NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestReader(t *testing.T) {
	in, out := sharedPipe(t)
	r := newReader(t, in)
	io.WriteString(out, "hello")
	buf := make([]byte, 100)
	if n, err := r.Read(buf); string(buf[:n]) != "hello" || err != nil {
		t.Errorf("Read = %q, %v", buf[:n], err)
	}
	if flags, err := unix.FcntlInt(in.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("descriptor flags %#x, %v: it was made non-blocking", flags, err)
	}
	out.Close()
	if n, err := r.Read(buf); n != 0 || err != io.EOF {
		t.Errorf("at end Read = %d, %v", n, err)
	}
}

func TestReaderInterrupt(t *testing.T) {
	in, out := sharedPipe(t)
	r := newReader(t, in)
	done := make(chan error)
	go func() {
		_, err := r.Read(make([]byte, 1))
		done <- err
	}()
	r.Interrupt()
	r.Interrupt()
	if err := <-done; !errors.Is(err, ErrInterrupted) {
		t.Errorf("Read: %v", err)
	}
	// What comes now belongs to whoever reads the file next.
	io.WriteString(out, "next")
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, ErrInterrupted) {
		t.Errorf("Read after Interrupt: %v", err)
	}
	buf := make([]byte, 100)
	if n, err := in.Read(buf); string(buf[:n]) != "next" || err != nil {
		t.Errorf("the next reader got %q, %v", buf[:n], err)
	}
}

func TestReaderOfFile(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := newReader(t, f).Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read = %d, %v", n, err)
	}
}
