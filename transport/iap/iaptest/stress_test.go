package iaptest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestFaultsLoseNothing moves data both ways at once through every fault that a
// session survives.
func TestFaultsLoseNothing(t *testing.T) {
	const size = 1 << 20
	every := int64(128 << 10)
	for _, faults := range [][]Fault{
		{{On: OnSent, After: every, Do: Reset}},
		{{On: OnSent, After: every, Do: Fin, N: 1000}},
		{{On: OnSent, After: every + 1, Do: TLSClose}},
		{{On: OnReceived, After: every + 7, Do: Reset}},
		{{On: OnReceived, After: every, Do: Fin}},
		{{On: OnReceived, After: every, Do: TLSClose, N: 3}},
		{{On: OnReceived, After: every, Do: Close, Code: 1001}, {On: OnSent, After: every, Do: Close, Code: 4004}},
		{{On: OnReceived, After: every, Do: Reset}, {On: OnSent, After: every, Do: Fin}, {On: OnResume, Do: Close, Code: 503, Skip: 3, Times: 2}},
		{{On: OnConnect, Do: Fragment}, {On: OnSent, After: every, Do: Unknown}, {On: OnSent, After: 2 * every, Do: Trailing}, {On: OnSent, After: every, Do: Oversize}},
		{{On: OnSent, After: every, Do: Blackhole, For: 50 * time.Millisecond}, {On: OnReceived, After: every, Do: Delay, For: 50 * time.Millisecond}},
		{{On: OnConnect, Do: HoldAcks, For: 100 * time.Millisecond}, {On: OnSent, After: every, Do: Empty}, {On: OnSent, After: every, Do: SendPing}},
	} {
		t.Run(faults[0].String(), func(t *testing.T) {
			up, down := randomBytes(t, size), randomBytes(t, size)
			var atBackend []byte
			srv := newTestServer(t, func(s *Server) { s.Faults = faults })
			srv.Handle("vm", 22, Serve(func(c net.Conn) {
				var reader sync.WaitGroup
				reader.Go(func() { atBackend, _ = io.ReadAll(io.LimitReader(c, size)) })
				c.Write(down)
				reader.Wait()
			}))
			x := &exchange{t: t, srv: srv, up: up}
			x.run(nil)
			wantViolations(t, srv)
			if !bytes.Equal(x.got, down) {
				t.Errorf("download of %d bytes differs", len(x.got))
			}
			if !bytes.Equal(atBackend, up) {
				t.Errorf("upload of %d bytes differs", len(atBackend))
			}
		})
	}
}

// TestRandomFaults is TestFaultsLoseNothing with schedules from a seed, in fake
// time.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			const size = 300_000
			up, down := randomBytes(t, size), randomBytes(t, size)
			var atBackend []byte
			var faults []Fault
			for range 1 + rnd.IntN(4) {
				faults = append(faults, randomFault(rnd))
			}
			inFakeTime(t, func(t *testing.T, srv *Server) {
				srv.Handle("vm", 22, Serve(func(c net.Conn) {
					var reader sync.WaitGroup
					reader.Go(func() { atBackend, _ = io.ReadAll(io.LimitReader(c, size)) })
					c.Write(down)
					reader.Wait()
				}))
				x := &exchange{t: t, srv: srv, up: up}
				x.run(nil)
				wantViolations(t, srv)
				if !bytes.Equal(x.got, down) || !bytes.Equal(atBackend, up) {
					t.Errorf("lost something: down %d, up %d bytes", len(x.got), len(atBackend))
				}
			}, faults...)
			if t.Failed() {
				t.Log(faults)
			}
		})
	}
}

// randomFault is one that a session survives, often enough at every link.
func randomFault(rnd *rand.Rand) Fault {
	f := Fault{
		On:    []Moment{OnSent, OnReceived}[rnd.IntN(2)],
		After: 16_384 + rnd.Int64N(100_000),
		Times: rnd.IntN(5),
		Skip:  rnd.IntN(2),
		For:   time.Duration(1 + rnd.Int64N(int64(20*time.Second))),
		N:     rnd.Int64N(20_000),
	}
	all := []Action{Reset, Fin, TLSClose, Delay, Blackhole, HoldAcks, Close, Unknown, Empty, SendPing, Fragment, Trailing, Oversize}
	switch f.Do = all[rnd.IntN(len(all))]; f.Do {
	case Close:
		f.Code = []int{1001, 1011, 1012, 4000, 4004}[rnd.IntN(5)]
	case Fragment:
		f.N = 1 + rnd.Int64N(6)
	case Oversize:
		f.N = 16_385 + rnd.Int64N(40_000)
	}
	return f
}

// TestCloseUnderFaults wants Close to end whatever waits.
func TestCloseUnderFaults(t *testing.T) {
	for _, f := range []Fault{
		{On: OnConnect, Do: Delay}, {On: OnConnect, Do: Blackhole}, {On: OnConnect, Do: Withhold},
		{On: OnSent, Do: Blackhole}, {On: OnSent, Do: Delay}, {On: OnSent, Do: HoldAcks},
	} {
		t.Run(f.String(), func(t *testing.T) {
			inFakeTime(t, func(t *testing.T, srv *Server) {
				done := make(chan struct{})
				go func() {
					defer close(done)
					if c, _, _ := connectRequest(srv, "vm", 22).try(t, srv); c != nil {
						for c.conn.SetDeadline(time.Time{}); ; {
							if _, _, err := c.read(); err != nil {
								return
							}
						}
					}
				}()
				synctest.Wait()
				start := time.Now()
				srv.Close()
				if d := time.Since(start); d != 0 {
					t.Errorf("Close took %v", d)
				}
				<-done
				wantViolations(t, srv)
			}, f)
		})
	}
}
