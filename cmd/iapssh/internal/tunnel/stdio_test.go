package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// line is a Conn over a net.Pipe whose far side counts what it has not "confirmed".
type line struct {
	net.Conn
	unconfirmed int
}

func (l *line) Unconfirmed() int { return l.unconfirmed }

// newLine gives both ends.
func newLine() (*line, net.Conn) {
	near, far := net.Pipe()
	return &line{Conn: near}, far
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
		if err := Stdio(t.Context(), near, never{open}, &out, Linger); err != nil || out.String() != "bye" {
			t.Errorf("%q, %v", out.String(), err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v with the input still open", took)
		}
	})
}

// The local input ends, the reply comes later, and both arrive whole.
func TestReplyAfterLocalEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newLine()
		go func() {
			io.ReadFull(far, make([]byte, 7))
			for range 5 {
				time.Sleep(Linger - time.Second)
				io.WriteString(far, "reply ")
			}
			far.Close()
		}()
		var out bytes.Buffer
		if err := Stdio(t.Context(), near, strings.NewReader("request"), &out, Linger); err != nil || out.String() != strings.Repeat("reply ", 5) {
			t.Errorf("%q, %v", out.String(), err)
		}
	})
}

func TestSilenceAfterLocalEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newLine()
		defer far.Close()
		begin := time.Now()
		if err := Stdio(t.Context(), near, strings.NewReader(""), io.Discard, Linger); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != Linger {
			t.Errorf("lingered for %v", took)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the session is not closed: %v", err)
		}
	})
}

// While the tail of the upload is still being confirmed, the session is not given up.
func TestTailUnderway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newLine()
		defer far.Close()
		slow := &shrinking{line: near, left: 5}
		begin := time.Now()
		if err := Stdio(t.Context(), slow, strings.NewReader(""), io.Discard, Linger); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took < 5*Linger {
			t.Errorf("gave up after %v", took)
		}
	})
}

// shrinking confirms one byte with each look.
type shrinking struct {
	*line
	left int
}

func (s *shrinking) Unconfirmed() int {
	s.left = max(0, s.left-1)
	return s.left
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
	if err := Stdio(t.Context(), near, never{open}, w, Linger); !errors.As(err, &output) || !errors.Is(err, io.ErrClosedPipe) {
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
	if err := Stdio(ctx, near, never{open}, io.Discard, Linger); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the session is not closed: %v", err)
	}
}

type brokenInput struct{ err error }

func (b brokenInput) Read([]byte) (int, error) { return 0, b.err }

func TestInputFails(t *testing.T) {
	near, far := newLine()
	defer far.Close()
	why := errors.New("input/output error")
	if err := Stdio(t.Context(), near, brokenInput{why}, io.Discard, Linger); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
