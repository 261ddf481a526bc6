package iaptest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// faultyServer has an echo behind vm:22.
func faultyServer(t testing.TB, faults ...Fault) *Server {
	srv := newTestServer(t, func(s *Server) { s.Faults = faults })
	srv.Handle("vm", 22, Echo())
	return srv
}

// torn is a connection that ends within a frame, however it ends.
const torn Action = "torn"

// wantBroken reads on to the end of the connection and judges its error.
func (c *rawClient) wantBroken(how Action) {
	c.t.Helper()
	var err error
	for err == nil {
		_, _, err = c.read()
	}
	var op *net.OpError
	ok := false
	switch how {
	case TLSClose, Fin: // the same to crypto/tls, between records
		ok = err == io.EOF
	case torn:
		ok = err == io.ErrUnexpectedEOF
	case Reset:
		ok = errors.As(err, &op)
	}
	if !ok {
		c.t.Errorf("%s looks like %v", how, err)
	}
	c.raw.Close()
}

func TestFaultCutAfterReceived(t *testing.T) {
	for _, how := range []Action{Reset, Fin, TLSClose} {
		t.Run(string(how), func(t *testing.T) {
			srv := faultyServer(t, Fault{On: OnReceived, After: 5, Do: how, Times: 1})
			c, sid := open(t, srv, 22)
			c.data("ab")
			c.collect(2)
			c.data("cdefgh")
			c.wantBroken(how)

			c, n := resumed(t, srv, sid, 2)
			if n != 5 {
				t.Errorf("relay kept %d bytes, want 5", n)
			}
			c.data("fgh")
			if got := c.collect(6); got != "cdefgh" {
				t.Errorf("got %q", got)
			}
			c.ack(8)
			c.goodbye()
			wantViolations(t, srv)
		})
	}
}

// TestFaultCutIsDeaf wants nothing to count that a client says after a cut.
func TestFaultCutIsDeaf(t *testing.T) {
	srv := faultyServer(t, Fault{On: OnSent, Do: Fin, Times: 1})
	c, sid := open(t, srv, 22)
	if op, p, err := c.read(); err != io.EOF {
		t.Error(describe(op, p), err)
	}
	c.data("lost")
	c.sendClose(1000)
	c.conn.Close()
	c, n := resumed(t, srv, sid, 0)
	if n != 0 {
		t.Errorf("relay has %d bytes", n)
	}
	c.goodbye()
	wantViolations(t, srv)
}

func TestFaultCutAfterSent(t *testing.T) {
	for _, how := range []Action{Reset, Fin, TLSClose} {
		t.Run(string(how), func(t *testing.T) {
			srv := faultyServer(t, Fault{On: OnSent, After: 5, Do: how, N: 100, Skip: 1, Times: 2})
			c, sid := open(t, srv, 22)
			c.data("abcdefghijklmnopqrstuvwxyz")
			c.collect(26)
			c.raw.Close()
			for range 2 {
				c, _ = resumed(t, srv, sid, 10)
				if how != Reset { // which may overtake what was sent before
					if got := c.collect(5); got != "klmno" {
						t.Errorf("got %q", got)
					}
				}
				if how == Reset {
					c.wantBroken(Reset)
				} else {
					c.wantBroken(torn)
				}
			}
			c, _ = resumed(t, srv, sid, 15)
			if got := c.collect(11); got != "pqrstuvwxyz" {
				t.Errorf("got %q", got)
			}
			c.ack(26)
			c.goodbye()
			wantViolations(t, srv)
		})
	}
}

func TestFaultRefuse(t *testing.T) {
	srv := faultyServer(t,
		Fault{On: OnConnect, Do: Close, Code: 429, Times: 1},
		Fault{On: OnConnect, Do: Close, Code: 4033, Reason: "not authorized", Times: 1},
		Fault{On: OnResume, Do: Close, Code: 503, Times: 1},
		Fault{On: OnResume, Do: Close, Code: 4002, Reason: "in use", Times: 1},
		Fault{On: OnResume, Do: Reset, Times: 1},
	)
	if _, resp := connectRequest(srv, "vm", 22).do(t, srv); resp.StatusCode != http.StatusTooManyRequests {
		t.Error(resp.Status)
	}
	connectRequest(srv, "vm", 22).upgrade(t, srv).answerClose(4033, "not authorized")
	c, sid := open(t, srv, 22)
	c.raw.Close()
	if _, resp := resumeRequest(srv, sid, 0).do(t, srv); resp.StatusCode != http.StatusServiceUnavailable {
		t.Error(resp.Status)
	}
	resumeRequest(srv, sid, 0).upgrade(t, srv).answerClose(4002, "in use")

	if _, _, err := resumeRequest(srv, sid, 0).try(t, srv); err == nil {
		t.Error("answered before the reset")
	}
	c, _ = resumed(t, srv, sid, 0)
	c.goodbye()
	wantViolations(t, srv)
}

func TestFaultClose(t *testing.T) {
	for _, code := range []int{1001, 1011, 1012, 1013, 4000, 4004, 4033, 4001} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			srv := faultyServer(t, Fault{On: OnReceived, After: 3, Do: Close, Code: code, Reason: "because", Times: 1})
			c, sid := open(t, srv, 22)
			c.data("abc")
			for {
				op, p := c.next()
				if op == 8 {
					if got := describe(op, p); got != fmt.Sprintf("close %d %q", code, "because") {
						t.Error(got)
					}
					break
				}
			}
			c.write(rawFrame(0x88, closePayload(code, "")))
			c.wantEOF()
			c.conn.Close()
			if code == 4033 || code == 4001 {
				resumeRequest(srv, sid, 0).upgrade(t, srv).answerClose(4001, "unknown session")
			} else {
				c, n := resumed(t, srv, sid, 0)
				if got := c.collect(3); n != 3 || got != "abc" {
					t.Errorf("%d, %q", n, got)
				}
				c.goodbye()
			}
			wantViolations(t, srv)
		})
	}
}

func TestFaultCloseWithoutStatus(t *testing.T) {
	srv := faultyServer(t, Fault{On: OnSent, Do: Close, Code: 1005, Times: 1})
	c, sid := open(t, srv, 22)
	if op, p := c.next(); op != 8 || len(p) != 0 {
		t.Error(describe(op, p))
	}
	c.write(rawFrame(0x88, nil))
	c.wantEOF()
	c, _ = resumed(t, srv, sid, 0)
	c.goodbye()
	wantViolations(t, srv)
}

func TestFaultExpire(t *testing.T) {
	srv := faultyServer(t, Fault{On: OnReceived, After: 1, Do: Expire, Times: 1})
	c, sid := open(t, srv, 22)
	c.data("x")
	for {
		if op, p := c.next(); op == 8 {
			if binary.BigEndian.Uint16(p) != 4004 {
				t.Error(describe(op, p))
			}
			break
		}
	}
	c.write(rawFrame(0x88, closePayload(4004, "")))
	c.wantEOF()
	resumeRequest(srv, sid, 0).upgrade(t, srv).answerClose(4004, "reauthentication required")
	connectRequest(srv, "vm", 22).upgrade(t, srv).answerClose(4033, "not authorized")
	fresh := resumeRequest(srv, sid, 0)
	fresh.header["Authorization"] = []string{"Bearer fresh-token"}
	c = fresh.upgrade(t, srv)
	c.next()
	c.collect(1)
	c.ack(1)
	c.goodbye()
	wantViolations(t, srv)
}

// TestFaultFrames compares what the client reads, frame by frame, up to a close.
func TestFaultFrames(t *testing.T) {
	long := strings.Repeat("x", 40000)
	for _, tt := range []struct {
		fault Fault
		down  string   // what the backend says
		want  []string // opcode and payload, shortened
	}{
		{Fault{On: OnSent, Do: SendPing}, "", []string{"9 iaptest"}},
		{Fault{On: OnSent, Do: Text}, "", []string{"1 text"}},
		{Fault{On: OnSent, Do: Empty}, "", []string{"2 \x00\x04\x00\x00\x00\x00"}},
		{Fault{On: OnSent, Do: CutShort}, "", []string{"2 \x00\x04\x00\x00\x00\x0axxx"}},
		{Fault{On: OnSent, Do: Unknown}, "", []string{"2 \x00\x63\x00\x01\x00\x04\x00\x00\x00\x01\x00\x07\x00\x00"}},
		{Fault{On: OnSent, Do: LateCount}, "", []string{"2 \x00\x02\x00\x00\x00\x00\x00\x00\x00\x00"}},
		{Fault{On: OnSent, Do: SecondSuccess}, "", []string{"2 SID"}},
		{Fault{On: OnSent, Do: AckBeyond}, "", []string{"2 \x00\x07\x00\x00\x00\x00\x40\x00\x00\x00"}},
		{Fault{On: OnSent, Do: AckBeyond, N: 1}, "", []string{"2 \x00\x07\x00\x00\x00\x00\x00\x00\x00\x01"}},
		{Fault{On: OnSent, Do: Say, Frame: []byte{0x83, 1, 'x'}}, "", []string{"3 x"}},
		{Fault{On: OnSent, Do: LongClose, Code: 4010, Reason: "why"}, "",
			[]string{"2 \x00\x0a\x00\x00\x0f\xaa\x00\x00\x00\x03why", "8 \x0f\xaa"}},
		{Fault{On: OnSent, After: 3, Do: Duplicate, N: 2}, "abc",
			[]string{"2 \x00\x04\x00\x00\x00\x03abc", "2 \x00\x04\x00\x00\x00\x02bc"}},
		{Fault{On: OnConnect, Do: Trailing}, "abc", []string{"2 \x00\x04\x00\x00\x00\x03abc\x00\x04\x00"}},
		{Fault{On: OnConnect, Do: Fragment, N: 2}, "abcd",
			[]string{"2+ \x00\x04\x00\x00\x00", "9 between", "0 \x04abcd"}},
		{Fault{On: OnConnect, Do: Oversize}, long, []string{"2 \x00\x04\x00\x00\x9c\x40" + long}},
	} {
		t.Run(tt.fault.String()[:min(30, len(tt.fault.String()))], func(t *testing.T) {
			srv := newTestServer(t, func(s *Server) { s.Faults = []Fault{tt.fault} })
			srv.Handle("vm", 22, func(context.Context) (net.Conn, error) { // all there is at once
				relay, vm := newPipe()
				io.WriteString(vm, tt.down)
				return relay, nil
			})
			c, sid := open(t, srv, 22)
			for _, want := range tt.want {
				if got := c.shorthand(sid); got != want {
					t.Fatalf("got %.60q, want %.60q", got, want)
				}
			}
			c.sendClose(1002)
			c.raw.Close()
			wantViolations(t, srv)
		})
	}
}

func (c *rawClient) shorthand(sid string) string {
	op, p := c.next()
	s := string(p)
	if strings.HasPrefix(s, "\x00\x01") && s[6:] == sid {
		s = "SID"
	}
	if !c.final {
		return fmt.Sprintf("%d+ %s", op, s)
	}
	return fmt.Sprintf("%d %s", op, s)
}

func TestFaultBeforeSuccess(t *testing.T) {
	srv := faultyServer(t, Fault{On: OnConnect, Do: Unknown}, Fault{On: OnConnect, Do: Duplicate, N: 5})
	c := connectRequest(srv, "vm", 22).upgrade(t, srv)
	if _, p := c.next(); !bytes.HasPrefix(p, []byte{0, 99}) {
		t.Errorf("%x", p)
	}
	if got := c.collect(5); got != "\x00\x00\x00\x00\x00" {
		t.Errorf("%q", got)
	}
	c.wantSID()
	c.goodbye()
	wantViolations(t, srv)
}

func TestFaultWrongSuccess(t *testing.T) {
	srv := faultyServer(t,
		Fault{On: OnConnect, Do: WrongSuccess, Times: 1},
		Fault{On: OnResume, Do: WrongSuccess, Times: 1},
		Fault{On: OnResume, Do: WrongCount, N: 7, Skip: 1, Times: 1},
		Fault{On: OnResume, Do: WrongCount, N: -1, Skip: 2, Times: 1},
	)
	c := connectRequest(srv, "vm", 22).upgrade(t, srv)
	if _, p := c.next(); !bytes.Equal(p, []byte{0, 2, 0, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("%x", p)
	}
	c.goodbye()

	c, sid := open(t, srv, 22)
	c.data("abc")
	c.collect(3)
	c.raw.Close()
	c = resumeRequest(srv, sid, 3).upgrade(t, srv)
	if got := c.wantSID(); got != sid {
		t.Error(got)
	}
	c.raw.Close()
	for _, want := range []uint64{10, 2, 3} {
		c, n := resumed(t, srv, sid, 3)
		if n != want {
			t.Errorf("count %d, want %d", n, want)
		}
		c.raw.Close()
	}
	c, _ = resumed(t, srv, sid, 3)
	c.goodbye()
	wantViolations(t, srv)
}

func TestFaultWrongAnswer(t *testing.T) {
	srv := faultyServer(t,
		Fault{On: OnConnect, Do: WrongSubprotocol, Times: 1},
		Fault{On: OnConnect, Do: WrongSubprotocol, Reason: "ssh", Skip: 1, Times: 1},
		Fault{On: OnConnect, Do: WrongAccept, Skip: 2, Times: 1},
	)
	for _, want := range []struct{ subprotocol, accept string }{
		{"", "BACScCJPNqyz+UBoqMH89VmURoA="},
		{"ssh", "BACScCJPNqyz+UBoqMH89VmURoA="},
		{wantSubprotocol, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
	} {
		c, resp := connectRequest(srv, "vm", 22).do(t, srv)
		if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != want.subprotocol {
			t.Errorf("subprotocol %q, want %q", got, want.subprotocol)
		}
		if got := resp.Header.Get("Sec-WebSocket-Accept"); got != want.accept {
			t.Errorf("accept %q, want %q", got, want.accept)
		}
		c.wantSID()
		c.goodbye()
	}
	wantViolations(t, srv)
}

func TestFaultAckBackward(t *testing.T) {
	srv := faultyServer(t, Fault{On: OnReceived, After: 3, Do: AckBackwards})
	c, _ := open(t, srv, 22)
	c.data("ab")
	c.collect(2)
	c.data("c")
	var acks []uint64
	for len(acks) < 2 || acks[len(acks)-1] >= acks[len(acks)-2] {
		op, p := c.next()
		if op != 2 {
			t.Fatal(describe(op, p))
		}
		if p[1] == 7 {
			acks = append(acks, binary.BigEndian.Uint64(p[2:]))
		}
	}
	c.sendClose(1002)
	c.raw.Close()
	wantViolations(t, srv)
}

// inFakeTime runs a test against a server in memory whose time costs nothing.
func inFakeTime(t *testing.T, test func(t *testing.T, srv *Server), faults ...Fault) {
	synctest.Test(t, func(t *testing.T) {
		srv := NewUnstartedServer()
		srv.Faults = faults
		srv.StartInMemory()
		srv.Handle("vm", 22, Echo())
		defer srv.Close()
		test(t, srv)
	})
}

func TestFaultHoldAcks(t *testing.T) {
	inFakeTime(t, func(t *testing.T, srv *Server) {
		c, _ := open(t, srv, 22)
		start := time.Now()
		c.data(strings.Repeat("x", 16384))
		c.collect(16384) // data is not held
		if d := time.Since(start); d != 0 {
			t.Errorf("data after %v", d)
		}
		c.wantAck(16384)
		if d := time.Since(start); d != 20*time.Second {
			t.Errorf("ACK after %v", d)
		}
		c.ack(16384)
		c.goodbye()
		wantViolations(t, srv)
	}, Fault{On: OnSent, Do: HoldAcks, For: 20 * time.Second})
}

func TestFaultBlackhole(t *testing.T) {
	inFakeTime(t, func(t *testing.T, srv *Server) {
		start := time.Now()
		c, sid := open(t, srv, 22)
		c.data("abc")
		c.raw.Close() // the relay does not notice
		resumeRequest(srv, sid, 0).upgrade(t, srv).answerClose(4002, "session in use")
		time.Sleep(40*time.Second - time.Since(start))
		c, n := resumed(t, srv, sid, 0)
		if n != 3 {
			t.Errorf("relay has %d bytes", n)
		}
		c.collect(3)
		c.goodbye()
		wantViolations(t, srv)
	}, Fault{On: OnReceived, After: 3, Do: Blackhole, For: 40 * time.Second, Times: 1})
}

func TestFaultBlackholeHeals(t *testing.T) {
	inFakeTime(t, func(t *testing.T, srv *Server) {
		c, _ := open(t, srv, 22)
		start := time.Now()
		c.write(rawFrame(0x89, nil))
		synctest.Wait() // the answer is in the hole, before the data
		c.data("abc")
		if op, p := c.next(); op != 10 {
			t.Error(describe(op, p))
		}
		c.collect(3)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("answered after %v", d)
		}
		c.ack(3)
		c.goodbye()
		wantViolations(t, srv)
	}, Fault{On: OnSent, Do: Blackhole, For: 10 * time.Second})
}

func TestFaultDelay(t *testing.T) {
	inFakeTime(t, func(t *testing.T, srv *Server) {
		start := time.Now()
		c, sid := open(t, srv, 22)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("connected after %v", d)
		}
		c.data("abc")
		c.collect(3)
		if d := time.Since(start); d != 8*time.Second {
			t.Errorf("data after %v", d)
		}
		c.raw.Close()
		c, _ = resumed(t, srv, sid, 3)
		if d := time.Since(start); d != 15*time.Second {
			t.Errorf("resumed after %v", d)
		}
		c.goodbye()
		wantViolations(t, srv)
	},
		Fault{On: OnConnect, Do: Delay, For: 3 * time.Second},
		Fault{On: OnReceived, After: 1, Do: Delay, For: 5 * time.Second},
		Fault{On: OnResume, Do: Withhold, For: 7 * time.Second})
}

func TestFaultWithhold(t *testing.T) {
	inFakeTime(t, func(t *testing.T, srv *Server) {
		c := connectRequest(srv, "vm", 22).upgrade(t, srv)
		time.Sleep(59 * time.Second)
		c.goodbye() // a client that gives up
		wantViolations(t, srv)
	}, Fault{On: OnConnect, Do: Withhold})
}

func TestStrike(t *testing.T) {
	srv := faultyServer(t)
	a, _ := open(t, srv, 22)
	b, _ := open(t, srv, 22)
	srv.Strike(Fault{Do: SendPing})
	for _, c := range []*rawClient{a, b} {
		if op, p := c.next(); op != 9 {
			t.Error(describe(op, p))
		}
	}
	srv.Strike(Fault{Do: Reset})
	a.wantBroken(Reset)
	b.wantBroken(Reset)
	for _, i := range srv.Sessions() {
		if i.State != Detached {
			t.Error(i)
		}
	}
	wantViolations(t, srv)
}
