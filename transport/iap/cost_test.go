package iap_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// countingConn counts the calls on a TCP connection.
type countingConn struct {
	net.Conn
	calls *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	c.calls.Add(1)
	return c.Conn.Read(p)
}

func (c countingConn) Write(p []byte) (int, error) {
	c.calls.Add(1)
	return c.Conn.Write(p)
}

// BenchmarkPingPong compares, for one byte there and back, the calls on the TCP connection and the time of a bare client and ours.
func BenchmarkPingPong(b *testing.B) {
	p := startPeer(b)
	var calls atomic.Int64
	p.wrap = func(c net.Conn) net.Conn { return countingConn{c, &calls} }
	perTrip := map[string]float64{}
	took := map[string]time.Duration{}
	for _, c := range []struct {
		name string
		open func(port int) (stream, error)
	}{{"bare", p.bare}, {"ours", p.ours}} {
		s, err := c.open(portEcho)
		if err != nil {
			b.Fatal(err)
		}
		const trips = 2000
		one := []byte{'x'}
		calls.Store(0)
		begin := time.Now()
		for range trips {
			if _, err := s.Write(one); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(s, one); err != nil {
				b.Fatal(err)
			}
		}
		took[c.name] = time.Since(begin) / trips
		perTrip[c.name] = float64(calls.Load()) / trips
		s.Close()
	}
	for name := range perTrip {
		b.ReportMetric(perTrip[name], name+"-calls/trip")
		b.ReportMetric(float64(took[name].Microseconds()), name+"-µs/trip")
	}
	b.ReportMetric(perTrip["ours"]-perTrip["bare"], "calls-more/trip")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkIdle measures the memory of an idle connection, after a collection.
func BenchmarkIdle(b *testing.B) {
	p := startPeer(b)
	const conns = 100
	before := memory()
	open := make([]stream, conns)
	for i := range open {
		s, err := p.ours(portEcho)
		if err != nil {
			b.Fatal(err)
		}
		open[i] = s
	}
	after := memory()
	for _, s := range open {
		s.Close()
	}
	b.ReportMetric(float64(after-before)/conns/1024, "KiB/conn")
	b.ReportMetric(0, "ns/op")
}

// memory is the heap and the stacks in use.
func memory() int64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool keeps lives one collection longer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkAllocs counts allocations for each frame in the steady state, both ways, and those of TLS alone for as many bytes: crypto/tls
// makes one or two for each record it reads, which are nobody's to save. What is ours is the difference.
func BenchmarkAllocs(b *testing.B) {
	p := startPeer(b)
	for _, direction := range []struct {
		name string
		port int
		move func(stream, int64) error
	}{{"up", portSink, upload}, {"down", portSource, download}} {
		raw := mallocs(b, p.raw, direction.port, direction.move)
		ours := mallocs(b, p.ours, direction.port, direction.move)
		b.ReportMetric(raw, direction.name+"-raw-allocs/frame")
		b.ReportMetric(ours, direction.name+"-allocs/frame")
		b.ReportMetric(max(0, ours-raw), direction.name+"-allocs-more/frame")
	}
	b.ReportMetric(0, "ns/op")
}

// mallocs is how many allocations a client makes for each 16 KiB.
func mallocs(b *testing.B, open func(port int) (stream, error), port int, move func(stream, int64) error) float64 {
	b.Helper()
	s, err := open(port)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const round = 128 << 20
	var before, after runtime.MemStats
	for range 2 { // the pools fill in the first
		runtime.ReadMemStats(&before)
		if err := move(s, round); err != nil {
			b.Fatal(err)
		}
		runtime.ReadMemStats(&after)
	}
	return float64(after.Mallocs-before.Mallocs) / (round / 16384)
}

// dialTCP is how the peer's clients reach it.
func (p *peer) dialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err == nil && p.wrap != nil {
		c = p.wrap(c)
	}
	return c, err
}

// dialTLS is the bare client's.
func (p *peer) dialTLS(addr string) (*tls.Conn, error) {
	c, err := p.dialTCP(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	cfg := p.tls.Clone()
	cfg.DynamicRecordSizingDisabled = true
	cfg.ServerName = "localhost"
	return tls.Client(c, cfg), nil
}
