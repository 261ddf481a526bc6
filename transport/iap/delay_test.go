package iap_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// delayConn puts a long line of great width before a conn: what is written, or arrives, does so a while later.
type delayConn struct {
	net.Conn
	out, in *delayLine
	tasks   sync.WaitGroup
}

// newDelayConn delays each direction by one way.
func newDelayConn(c net.Conn, oneWay time.Duration) *delayConn {
	d := &delayConn{Conn: c, out: newDelayLine(oneWay), in: newDelayLine(oneWay)}
	d.tasks.Go(func() { d.out.drainTo(c) })
	go d.in.fillFrom(c)
	return d
}

func (d *delayConn) Write(p []byte) (int, error) { return d.out.put(p) }

func (d *delayConn) Read(p []byte) (int, error) { return d.in.take(p) }

// Close lets what was written arrive, as a kernel does.
func (d *delayConn) Close() error {
	d.out.end(net.ErrClosed)
	d.tasks.Wait()
	d.in.end(net.ErrClosed)
	return d.Conn.Close()
}

// delayLine is one direction.
type delayLine struct {
	delay time.Duration

	mu     sync.Mutex // guards the fields below
	change *sync.Cond
	pieces []delayed
	err    error
}

type delayed struct {
	due time.Time
	p   []byte
}

func newDelayLine(delay time.Duration) *delayLine {
	l := &delayLine{delay: delay}
	l.change = sync.NewCond(&l.mu)
	return l
}

func (l *delayLine) put(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	l.pieces = append(l.pieces, delayed{time.Now().Add(l.delay), bytes.Clone(p)})
	l.change.Broadcast()
	return len(p), nil
}

// take waits for the first piece to be due.
func (l *delayLine) take(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case len(l.pieces) > 0 && !time.Now().Before(l.pieces[0].due):
			n := copy(p, l.pieces[0].p)
			if l.pieces[0].p = l.pieces[0].p[n:]; len(l.pieces[0].p) == 0 {
				l.pieces = l.pieces[1:]
			}
			return n, nil
		case len(l.pieces) > 0:
			time.AfterFunc(time.Until(l.pieces[0].due), l.wake)
		case l.err != nil:
			return 0, l.err
		}
		l.change.Wait()
	}
}

// wake takes the lock, so that it cannot come between a look and a wait.
func (l *delayLine) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.change.Broadcast()
}

func (l *delayLine) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	l.change.Broadcast()
}

func (l *delayLine) drainTo(w io.Writer) {
	for buf := make([]byte, 64<<10); ; {
		n, err := l.take(buf)
		if err != nil {
			return
		}
		if _, err := w.Write(buf[:n]); err != nil {
			l.end(err)
			return
		}
	}
}

func (l *delayLine) fillFrom(r io.Reader) {
	for buf := make([]byte, 64<<10); ; {
		n, err := r.Read(buf)
		if n > 0 {
			l.put(buf[:n])
		}
		if err != nil {
			l.end(err)
			return
		}
	}
}

// On a line of 100 ms, in fake time, a download gets the relay's whole window in every round trip: ACKs leave early enough.
func TestDownloadFillsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 1_500_000
		backend, accepted := handOver()
		s := iaptest.NewUnstartedServer()
		s.Window = window
		s.Handle("vm", 22, backend)
		s.StartInMemory()
		defer s.Close()
		d := dialer(s)
		plain := d.NetDial
		d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := plain(ctx, network, addr)
			return newDelayConn(c, 50*time.Millisecond), err
		}
		c, err := d.Dial(t.Context(), vm)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		vmSide := <-accepted
		defer vmSide.Close()
		go pour(vmSide)
		io.CopyN(io.Discard, c, 4*window) // under way
		begin := time.Now()
		const trips = 40
		io.CopyN(io.Discard, c, trips*window)
		took := time.Since(begin)
		filled := float64(trips*100*time.Millisecond) / float64(took)
		t.Logf("a window of %d bytes in %.1f ms: %.1f %% of the possible", window, float64(took.Milliseconds())/trips, 100*filled)
		if filled < 0.95 {
			t.Errorf("%.1f %% of the window in a round trip", 100*filled)
		}
	})
}
