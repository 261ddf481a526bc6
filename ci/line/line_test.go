package line

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// home is the line on which a keystroke is measured: 20 Mbit/s and 50 ms, holding 125 KB, which is what is on the way in a round trip.
var home = Config{Rate: 20e6 / 8, OneWay: 25 * time.Millisecond, Hold: 125_000}

const roundTrip = 50 * time.Millisecond

// serve accepts on loopback and handles connections until the end of the test.
func serve(t testing.TB, handle func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() { defer c.Close(); handle(c) })
		}
	})
	t.Cleanup(func() { l.Close(); tasks.Wait() })
	return l.Addr().String()
}

func echo(c net.Conn) { io.Copy(c, c) }

// times are round trips of one byte.
type times []time.Duration

func (ts times) at(q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(ts))
	return sorted[int(q*float64(len(sorted)-1))]
}

// pingPong measures trips of one byte, pause apart.
func pingPong(t testing.TB, w io.Writer, r io.Reader, trips int, pause time.Duration) times {
	t.Helper()
	var took times
	one := []byte{'x'}
	for range trips {
		time.Sleep(pause)
		begin := time.Now()
		if _, err := w.Write(one); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, one); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	return took
}

// dialThrough opens a connection over the line.
func dialThrough(t testing.TB, l *Line, to string) net.Conn {
	t.Helper()
	addr, err := l.To(to)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The line is as long and as narrow as it says, at least: how much slower it may be is for the measures, on a quiet machine.
func TestLine(t *testing.T) {
	l := New(home)
	t.Cleanup(l.Close)
	echoed := dialThrough(t, l, serve(t, echo))
	if fastest := pingPong(t, echoed, echoed, 5, 0).at(0); fastest < roundTrip {
		t.Errorf("an echo took %v on a line of %v", fastest, roundTrip)
	}
	const size = 500_000
	begin := time.Now()
	if _, err := echoed.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, echoed, size); err != nil {
		t.Fatal(err)
	}
	if took, least := time.Since(begin), roundTrip+size*time.Second/time.Duration(home.Rate); took < least {
		t.Errorf("%d bytes went there and back in %v; the line needs %v", size, took, least)
	}
}
