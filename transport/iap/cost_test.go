package iap_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
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

// BenchmarkAllocs counts allocations for each DATA message in the steady state, both ways. Those of crypto/tls, which makes one
// of 24 bytes whenever it asks its conn for more, are counted apart: nobody can save them.
func BenchmarkAllocs(b *testing.B) {
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	p := startPeer(b)
	for _, direction := range []struct {
		name string
		port int
		move func(stream, int64) error
	}{{"up", portSink, upload}, {"down", portSource, download}} {
		s, err := p.ours(direction.port)
		if err != nil {
			b.Fatal(err)
		}
		const round = 512 << 20
		if err := direction.move(s, round/4); err != nil { // the pools fill
			b.Fatal(err)
		}
		ours, tls := allocations()
		if err := direction.move(s, round); err != nil {
			b.Fatal(err)
		}
		oursAfter, tlsAfter := allocations()
		const frames = round / 16384
		b.ReportMetric(float64(oursAfter-ours)/frames, direction.name+"-allocs/frame")
		b.ReportMetric(float64(tlsAfter-tls)/frames, direction.name+"-tls-allocs/frame")
		s.Close()
	}
	b.ReportMetric(0, "ns/op")
}

// allocations counts the objects allocated so far, those that crypto/tls asked for apart.
func allocations() (others, tls int64) {
	runtime.GC() // the profile is as of the last but one
	runtime.GC()
	records := make([]runtime.MemProfileRecord, 10_000)
	n, _ := runtime.MemProfile(records, true)
	for _, r := range records[:min(n, len(records))] {
		switch by := allocator(r.Stack()); {
		case strings.HasPrefix(by, "crypto/tls."):
			tls += r.AllocObjects
		case !strings.Contains(by, "/iap_test."): // the counting itself
			others += r.AllocObjects
		}
	}
	return others, tls
}

// allocator is the innermost function of a stack that is not the runtime's.
func allocator(stack []uintptr) string {
	for frames := runtime.CallersFrames(stack); ; {
		frame, more := frames.Next()
		if !more || !strings.HasPrefix(frame.Function, "runtime.") {
			return frame.Function
		}
	}
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
