//go:build unix

package tty

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Reader reads a file that others may share, in a way that Interrupt can end: it
// takes input only when there is some, and until then waits for it and for a wake
// pipe. (Between being told of input and taking it, another reader of the file may
// have been faster; then Read waits for what comes next.)
type Reader struct {
	f          *os.File
	wake, ring *os.File // the wake pipe; a byte in it stays there
	once       sync.Once
}

// NewReader returns a reader of f, which stays open and unchanged.
func NewReader(f *os.File) (*Reader, error) {
	wake, ring, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &Reader{f: f, wake: wake, ring: ring}, nil
}

// Read returns input as soon as there is any, or ErrInterrupted.
func (r *Reader) Read(p []byte) (int, error) {
	fd := int(r.f.Fd())
	for {
		err := waitInput(fd, int(r.wake.Fd()))
		if err != nil {
			return 0, err
		}
		n, err := unix.Read(fd, p)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN): // EAGAIN: a sharer set O_NONBLOCK
			continue
		case err != nil:
			return 0, &os.PathError{Op: "read", Path: r.f.Name(), Err: err}
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// Interrupt makes a Read in progress, and all later ones, return ErrInterrupted. No
// input is taken by it.
func (r *Reader) Interrupt() { r.once.Do(r.wakeUp) }

func (r *Reader) wakeUp() { r.ring.Write([]byte{0}) }

// Close frees the reader, once no Read is in progress. The file stays open.
func (r *Reader) Close() error { return errors.Join(r.wake.Close(), r.ring.Close()) }
