// Package tunnel carries plain bytes between a local side and a session with the relay, with no SSH of ours in between.
//
// Stdio is what a ProxyCommand needs: standard input and output on one side, the session on the other.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Linger is how long the far side may be silent after the end of the local input before the session is closed. The relay's
// protocol cannot tell the VM that no more will come, so a server that waits for that would wait for ever. gcloud cuts the
// reply off at once.
const Linger = 10 * time.Second

// Conn is what Stdio needs of a session: iap.Conn has it.
type Conn interface {
	net.Conn
	// Unconfirmed is how many written bytes are not known to have arrived.
	Unconfirmed() int
}

// OutputError tells that the local output no longer takes data, most often because its reader has gone.
type OutputError struct{ Err error }

func (e *OutputError) Error() string { return fmt.Sprintf("writing to standard output: %v", e.Err) }

func (e *OutputError) Unwrap() error { return e.Err }

// Stdio copies in to conn and conn to out until the far side ends, or the local input ends and linger has passed in silence, or
// ctx is done. It closes conn, having delivered what was written. The error is nil if the far side ended cleanly or in did; else it is
// conn's, an *OutputError, or the context's cause.
//
// A goroutine may be left reading in, since a read of a terminal or pipe cannot be interrupted: the caller is expected to exit.
func Stdio(ctx context.Context, conn Conn, in io.Reader, out io.Writer, linger time.Duration) error {
	s := &stdio{conn: conn, in: in, out: out, moved: time.Now()}
	down := make(chan error, 1)
	up := make(chan error, 1)
	go s.download(down)
	go s.upload(up)
	err := s.wait(ctx, down, up, linger)
	conn.Close()
	return err
}

type stdio struct {
	conn Conn
	in   io.Reader
	out  io.Writer

	mu    sync.Mutex // guards moved
	moved time.Time  // when the far side last sent something
}

func (s *stdio) wait(ctx context.Context, down, up <-chan error, linger time.Duration) error {
	var silence <-chan time.Time // runs once the local input has ended
	unconfirmed := 0
	for {
		select {
		case err := <-down:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-up:
			if err != nil {
				return s.firstOf(down, err)
			}
			unconfirmed = s.conn.Unconfirmed()
			silence = time.After(linger)
		case <-silence:
			left := linger - s.sinceMoved()
			if now := s.conn.Unconfirmed(); now != unconfirmed {
				unconfirmed, left = now, linger // the tail is still on its way
			}
			if left <= 0 {
				return nil
			}
			silence = time.After(left)
		}
	}
}

// firstOf prefers download's account of an end that both saw: it comes behind the last bytes that arrived.
func (s *stdio) firstOf(down <-chan error, err error) error {
	var ended *net.OpError
	if errors.As(err, &ended) {
		return <-down
	}
	return err
}

// upload copies in to conn; nil is the end of in.
func (s *stdio) upload(done chan<- error) {
	_, err := io.CopyBuffer(writerOnly{s.conn}, readerOnly{s.in}, make([]byte, 64<<10))
	done <- err
}

// download copies conn to out; nil is the far side's clean end.
func (s *stdio) download(done chan<- error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := s.conn.Read(buf)
		if n > 0 {
			s.touch()
			if _, err := s.out.Write(buf[:n]); err != nil {
				done <- &OutputError{err}
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			done <- err
			return
		}
	}
}

func (s *stdio) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = time.Now()
}

func (s *stdio) sinceMoved() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.moved)
}

// readerOnly and writerOnly hide ReadFrom and WriteTo, which would choose buffers of their own.
type readerOnly struct{ io.Reader }
type writerOnly struct{ io.Writer }
