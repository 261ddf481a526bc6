package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// line is a Conn over a net.Pipe, whose far side is told of CloseWrite.
type line struct {
	net.Conn
	closedWrite chan struct{}
	closed      atomic.Bool
	hurried     atomic.Bool
}

func (l *line) Hurry() { l.hurried.Store(true) }

// Write of nothing does not wait for a reader, as a pipe's does.
func (l *line) Write(p []byte) (int, error) {
	if len(p) == 0 && l.closed.Load() {
		return 0, net.ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	return l.Conn.Write(p)
}

func (l *line) Close() error {
	l.closed.Store(true)
	return l.Conn.Close()
}

func (l *line) CloseWrite() error {
	close(l.closedWrite)
	return nil
}

// newLine gives both ends.
func newLine() (*line, net.Conn) {
	near, far := net.Pipe()
	return &line{Conn: near, closedWrite: make(chan struct{})}, far
}

// never is an input that stays open without a byte.
type never struct{ closed <-chan struct{} }

func (n never) Read([]byte) (int, error) { <-n.closed; return 0, io.EOF }

func TestFarSideEndsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newLine()
		go func() { io.WriteString(far, "bye"); far.Close() }()
		var out bytes.Buffer
		begin := time.Now()
		open := make(chan struct{})
		defer close(open)
		if err := Stdio(t.Context(), near, never{open}, &out); err != nil || out.String() != "bye" {
			t.Errorf("%q, %v", out.String(), err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v with the input still open", took)
		}
	})
}

// The local input ends, the reply comes later, and both arrive whole.
func TestReplyAfterLocalEnd(t *testing.T) {
	near, far := newLine()
	go func() {
		io.ReadFull(far, make([]byte, 7))
		<-near.closedWrite
		io.WriteString(far, "reply")
		far.Close()
	}()
	var out bytes.Buffer
	if err := Stdio(t.Context(), near, strings.NewReader("request"), &out); err != nil || out.String() != "reply" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestOutputGone(t *testing.T) {
	near, far := newLine()
	go io.WriteString(far, "unwanted")
	defer far.Close()
	r, w := io.Pipe()
	r.Close()
	open := make(chan struct{})
	defer close(open)
	var output *OutputError
	if err := Stdio(t.Context(), near, never{open}, w); !errors.As(err, &output) || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func TestInterrupted(t *testing.T) {
	near, far := newLine()
	defer far.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("a signal")
	cancel(why)
	open := make(chan struct{})
	defer close(open)
	if err := Stdio(ctx, near, never{open}, io.Discard); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF || !near.hurried.Load() {
		t.Errorf("the session is not closed, or not in a hurry: %v", err)
	}
}

type brokenInput struct{ err error }

func (b brokenInput) Read([]byte) (int, error) { return 0, b.err }

func TestInputFails(t *testing.T) {
	near, far := newLine()
	defer far.Close()
	why := errors.New("input/output error")
	if err := Stdio(t.Context(), near, brokenInput{why}, io.Discard); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// failingConn ends with one error for both directions, as a session does.
type failingConn struct {
	*line
	err error
}

func (c failingConn) Read([]byte) (int, error) { return 0, c.err }

func (c failingConn) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Net: "iap", Err: c.err}
}

func TestSessionFails(t *testing.T) {
	near, far := newLine()
	defer far.Close()
	why := errors.New("the relay went away")
	if err := Stdio(t.Context(), failingConn{near, why}, strings.NewReader("x"), io.Discard); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
