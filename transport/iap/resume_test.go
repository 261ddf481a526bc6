package iap_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

var (
	schedules  = flag.Int("schedules", 15, "how many random fault schedules to run")
	firstSeed  = flag.Int("schedule", 0, "the first one")
	duplexSize = flag.Int64("duplexsize", 6<<20, "bytes each way at once without a fault")
	faultSize  = flag.Int64("faultsize", 1<<19, "bytes each way under each fault")
)

// inBubble runs f in fake time with a session over an in-memory relay that has faults. At the end the relay must not have seen
// the client break a rule.
func inBubble(t *testing.T, faults []iaptest.Fault, f func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn)) {
	t.Helper()
	inBubbleWith(t, func(s *iaptest.Server, _ *iap.Dialer) { s.Faults = faults }, f)
}

// inBubbleWith is inBubble with more to configure.
func inBubbleWith(t *testing.T, configure func(*iaptest.Server, *iap.Dialer), f func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		backend, accepted := handOver()
		s := iaptest.NewUnstartedServer()
		d := &iap.Dialer{}
		configure(s, d)
		s.Handle("vm", 22, backend)
		s.StartInMemory()
		reach := dialer(s)
		reach.Linger, reach.Resume, reach.Trace = d.Linger, d.Resume, d.Trace
		if d.NetDial != nil {
			reach.NetDial = d.NetDial
		}
		c, err := reach.Dial(t.Context(), vm)
		if err != nil {
			s.Close()
			t.Fatal(err)
		}
		vmSide := <-accepted
		f(t, s, c, vmSide)
		c.Close()
		vmSide.Close()
		s.Close()
		if v := s.Violations(); len(v) > 0 {
			t.Errorf("the client broke rules:\n%s", iaptest.Report(v))
		}
	})
}

// survivable are faults that no byte may be lost to.
var survivable = []iaptest.Fault{
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Reset},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Reset, N: 100},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Fin},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Fin, N: 16000},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.TLSClose},
	{On: iaptest.OnReceived, After: 100_000, Do: iaptest.Reset},
	{On: iaptest.OnReceived, After: 100_000, Do: iaptest.Fin},
	{On: iaptest.OnReceived, After: 100_000, Do: iaptest.TLSClose},
	{On: iaptest.OnReceived, After: 100_000, Do: iaptest.Blackhole, For: time.Minute, Times: 3},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Blackhole, For: time.Minute, Times: 3},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Delay, For: 20 * time.Second, Times: 3},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 1001},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 1005},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 1011},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 1012},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 1013},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 1014},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 4000},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 4004},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.HoldAcks, For: 20 * time.Second, Times: 2},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Fragment},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Unknown},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Empty},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Oversize},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.Trailing},
	{On: iaptest.OnSent, After: 100_000, Do: iaptest.SendPing},
}

func TestNoByteIsLost(t *testing.T) {
	for _, f := range survivable {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, []iaptest.Fault{f}, func(t *testing.T, _ *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
				if err := exchange(c, vmSide, *faultSize, 1); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// fatal are faults that end a session, with the error that says so.
var fatal = []struct {
	faults []iaptest.Fault
	as     error
}{
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 4010, Reason: "gone"}}, &iap.CloseError{Code: 4010}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 4009}}, &iap.CloseError{Code: 4009}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 4033}}, &iap.CloseError{Code: 4033}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.Close, Code: 4999}}, &iap.CloseError{Code: 4999}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.LongClose, Code: 4010, Reason: "a long story"}}, &iap.CloseError{Code: 4010}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.AckBeyond}}, &iap.ProtocolError{}},
	{[]iaptest.Fault{{On: iaptest.OnReceived, After: 100_000, Do: iaptest.AckBackwards}}, &iap.ProtocolError{}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.SecondSuccess}}, &iap.ProtocolError{}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.LateCount}}, &iap.ProtocolError{}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.CutShort}}, &iap.ProtocolError{}},
	{[]iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.Text}}, &iap.ProtocolError{}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.WrongSuccess}), &iap.ProtocolError{}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.WrongCount, N: 1 << 40}), &iap.ProtocolError{}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 1000}), &iap.CloseError{Code: 1000}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 4001}), &iap.CloseError{Code: 4001}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 4033}), &iap.CloseError{Code: 4033}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 4051}), &iap.CloseError{Code: 4051}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 4074}), &iap.CloseError{Code: 4074}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 403}), &iap.HTTPError{Status: 403}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 404}), &iap.HTTPError{Status: 404}},
	{cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 401}), &iap.HTTPError{Status: 401}},
}

// cutAnd cuts the link once, and then does f.
func cutAnd(f iaptest.Fault) []iaptest.Fault {
	return []iaptest.Fault{{On: iaptest.OnSent, After: 100_000, Do: iaptest.Reset, Times: 1}, f}
}

// A fault that cannot be survived ends the session within a second, with its cause, for reader and writer alike.
func TestFinalFaults(t *testing.T) {
	for _, tc := range fatal {
		t.Run(tc.faults[len(tc.faults)-1].String(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, tc.faults, func(t *testing.T, _ *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
				go io.Copy(io.Discard, vmSide)
				c.Write(make([]byte, 1000))
				for c.Unconfirmed() > 0 { // there is a count to go back from
					time.Sleep(time.Millisecond)
				}
				go io.Copy(vmSide, noise(1<<20, 1))
				go io.Copy(c, noise(1<<20, 2))
				begin := time.Now()
				_, err := io.Copy(io.Discard, c)
				if took := time.Since(begin); took > time.Second {
					t.Errorf("ended after %v", took)
				}
				if !sameKind(err, tc.as) {
					t.Errorf("read ended with %v, want %T %v", err, tc.as, tc.as)
				}
				var resume *iap.DialError
				if refused := tc.faults[len(tc.faults)-1].On == iaptest.OnResume; refused != (errors.As(err, &resume) && resume.Resume) {
					t.Errorf("not resumed: %v, but the error is %v", refused, err)
				}
				var closed *iap.CloseError
				if errors.As(err, &closed) && !closed.Established {
					t.Errorf("%v of a session that had begun", err)
				}
				if _, err := c.Write([]byte("x")); !sameKind(err, tc.as) {
					t.Errorf("write ended with %v, want %T %v", err, tc.as, tc.as)
				}
			})
		})
	}
}

func sameKind(err, want error) bool {
	switch want := want.(type) {
	case *iap.CloseError:
		var got *iap.CloseError
		return errors.As(err, &got) && got.Code == want.Code
	case *iap.HTTPError:
		var got *iap.HTTPError
		return errors.As(err, &got) && got.Status == want.Status
	case *iap.ProtocolError:
		var got *iap.ProtocolError
		return errors.As(err, &got)
	}
	return false
}

// Random schedules of survivable faults; each can be run again by its number: -schedules 1 -schedule N.
func TestFaultSchedules(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*schedules; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := mathrand.New(mathrand.NewPCG(uint64(seed), 3))
			var faults []iaptest.Fault
			for range 1 + rng.IntN(5) {
				f := survivable[rng.IntN(len(survivable))]
				if f.Do == iaptest.Blackhole && slices.ContainsFunc(faults, isBlackhole) {
					continue // two on one link outlast the wait for a relay that still believes in it
				}
				f.After = rng.Int64N(200_000)
				f.Skip, f.Times = rng.IntN(3), 1+rng.IntN(3)
				faults = append(faults, f)
			}
			// Different troubles, and 4000 once at most: a third in a row is final.
			trouble := []int{503, 500, 429, 4000, 4002, 1001}
			for _, i := range rng.Perm(len(trouble))[:rng.IntN(3)] {
				times := 1 + rng.IntN(2)
				if trouble[i] == iap.CloseUnknownError {
					times = 1
				}
				faults = append(faults, iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: trouble[i], Times: times, Skip: rng.IntN(2)})
			}
			inBubble(t, faults, func(t *testing.T, _ *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
				if err := exchange(c, vmSide, 300_000+rng.Int64N(*faultSize), byte(seed%100)); err != nil {
					t.Errorf("%v\nfaults: %v", err, faults)
				}
			})
		})
	}
}

func isBlackhole(f iaptest.Fault) bool { return f.Do == iaptest.Blackhole }

// A dead link is noticed within 25 s when idle and 15 s when something is outstanding.
func TestDeadLinkIsNoticed(t *testing.T) {
	for _, tc := range []struct {
		name  string
		write bool
		bound time.Duration
	}{{"idle", false, 25 * time.Second}, {"outstanding", true, 15 * time.Second}} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
				time.Sleep(time.Hour) // the relay has answered pings
				s.Strike(iaptest.Fault{Do: iaptest.Blackhole, For: time.Minute})
				begin := time.Now()
				if tc.write {
					c.Write([]byte("anybody there?"))
				}
				for c.Stats().DownSince.IsZero() {
					time.Sleep(100 * time.Millisecond)
				}
				if took := time.Since(begin); took > tc.bound+100*time.Millisecond {
					t.Errorf("noticed after %v", took)
				}
				for _, down := c.LinkDown(); down; _, down = c.LinkDown() {
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// A message that stops halfway is a dead link, though no ping was ever answered. One that moves is none, however slowly.
func TestStuckMessageIsNoticed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		s.Strike(iaptest.Fault{Do: iaptest.Say, Frame: []byte{binaryFrame, 126, 0x40, 0x06, 0, 99}}) // of 16390 bytes, and a tag that we skip
		for range 10 {
			time.Sleep(50 * time.Second)
			s.Strike(iaptest.Fault{Do: iaptest.Say, Frame: []byte{0}})
		}
		synctest.Wait()
		s.Strike(iaptest.Fault{Do: iaptest.Delay, For: time.Hour})
		if n := c.Stats().Resumes; n != 0 {
			t.Errorf("%d resumes of a link that moved", n)
		}
		begin := time.Now()
		go io.WriteString(vmSide, "hello")
		if got := make([]byte, 5); func() error { _, err := io.ReadFull(c, got); return err }() != nil || string(got) != "hello" {
			t.Errorf("read %q", got)
		}
		if took := time.Since(begin); took < time.Minute || took > time.Minute+5*time.Second {
			t.Errorf("noticed after %v", took)
		}
	})
}

// A reader, or a VM, that pauses for ten minutes is not a dead link.
func TestPauseIsNotDeath(t *testing.T) {
	t.Run("reader", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
			done := make(chan error, 2)
			go send(vmSide, 8<<20, 1, done)
			time.Sleep(10 * time.Minute)
			receive(c, 8<<20, 1, done)
			if err := errors.Join(<-done, <-done); err != nil {
				t.Error(err)
			}
			if n := c.Stats().Resumes; n != 0 {
				t.Errorf("%d resumes", n)
			}
		})
	})
	t.Run("VM", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
			done := make(chan error, 2)
			go send(c, 16<<20, 1, done)
			time.Sleep(10 * time.Minute)
			receive(vmSide, 16<<20, 1, done)
			if err := errors.Join(<-done, <-done); err != nil {
				t.Error(err)
			}
			if n := c.Stats().Resumes; n != 0 {
				t.Errorf("%d resumes", n)
			}
		})
	})
}

// During an outage callers wait, deadlines pass, and Close ends it at once.
func TestOutage(t *testing.T) {
	refuse := []iaptest.Fault{
		{On: iaptest.OnSent, After: 100_000, Do: iaptest.Fin}, // not a reset, which would take some of the bytes with it
		{On: iaptest.OnResume, Do: iaptest.Close, Code: 503},
	}
	inBubble(t, refuse, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go io.Copy(vmSide, noise(100_001, 1))
		io.ReadFull(c, make([]byte, 100_000))
		time.Sleep(time.Minute)
		if since, down := c.LinkDown(); !down || time.Since(since) < 50*time.Second {
			t.Errorf("down %v since %v", down, since)
		}
		c.SetDeadline(time.Now().Add(time.Second))
		begin := time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("read: %v after %v", err, time.Since(begin))
		}
		if _, err := c.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
		begin = time.Now()
		if err := c.Close(); err != nil || time.Since(begin) > 2*time.Second { // it has a tail to deliver
			t.Errorf("close: %v after %v", err, time.Since(begin))
		}
	})
}

// The budget bounds an outage; its end tells the last cause.
func TestBudget(t *testing.T) {
	refuse := cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 503})
	inBubble(t, refuse, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go io.Copy(vmSide, noise(100_001, 1))
		begin := time.Now()
		_, err := io.Copy(io.Discard, c)
		if took := time.Since(begin); took < 15*time.Minute || took > 16*time.Minute {
			t.Errorf("gave up after %v", took)
		}
		if !sameKind(err, &iap.HTTPError{Status: 503}) {
			t.Errorf("gave up with %v", err)
		}
		attempts := 0
		for _, e := range s.Transcript() {
			if e.Kind == iaptest.Requested && e.Text == "/v4/reconnect" {
				attempts++
			}
		}
		if attempts < 60 || attempts > 200 {
			t.Errorf("%d attempts", attempts)
		}
	})
}

// 4002 is waited out for 90 s: the relay cannot know that its link is dead.
func TestHeldSession(t *testing.T) {
	held := cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 4002})
	inBubble(t, held, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go io.Copy(vmSide, noise(100_001, 1))
		begin := time.Now()
		_, err := io.Copy(io.Discard, c)
		if took := time.Since(begin); took < 80*time.Second || took > 2*time.Minute || !sameKind(err, &iap.CloseError{Code: 4002}) {
			t.Errorf("gave up with %v after %v", err, took)
		}
	})
}

// An error of the relay's own is survived twice without progress, not for ever.
func TestUnknownErrors(t *testing.T) {
	unknown := cutAnd(iaptest.Fault{On: iaptest.OnResume, Do: iaptest.Close, Code: 4000})
	inBubble(t, unknown, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go io.Copy(vmSide, noise(100_001, 1))
		if _, err := io.Copy(io.Discard, c); !sameKind(err, &iap.CloseError{Code: 4000}) {
			t.Errorf("gave up with %v", err)
		}
	})
}

// tokens is a token source that counts.
type tokens struct {
	given   int
	refused []string
	err     error // after the first
}

func (s *tokens) token(_ context.Context, refused string) (string, error) {
	if s.given > 0 && s.err != nil {
		return "", s.err
	}
	s.given++
	if refused != "" {
		s.refused = append(s.refused, refused)
	}
	return fmt.Sprintf("token-%d", s.given), nil
}

func dialWithTokens(t *testing.T, source *tokens, faults []iaptest.Fault) (*iaptest.Server, *iap.Conn, net.Conn) {
	t.Helper()
	backend, accepted := handOver()
	s := iaptest.NewUnstartedServer()
	s.Faults = faults
	s.Handle("vm", 22, backend)
	s.StartInMemory()
	d := dialer(s)
	d.Token = source.token
	c, err := d.Dial(t.Context(), vm)
	if err != nil {
		t.Fatal(err)
	}
	return s, c, <-accepted
}

// A token is asked for each attempt, and one that the relay has turned down is handed back.
func TestTokens(t *testing.T) {
	for name, tc := range map[string]struct {
		faults  []iaptest.Fault
		refused []string
	}{
		"cut":     {[]iaptest.Fault{{On: iaptest.OnSent, After: 50_000, Do: iaptest.Reset, Times: 1}}, nil},
		"expired": {[]iaptest.Fault{{On: iaptest.OnSent, After: 50_000, Do: iaptest.Expire, Times: 1}}, []string{"token-1"}},
		"refused on resume": {[]iaptest.Fault{{On: iaptest.OnSent, After: 50_000, Do: iaptest.Reset, Times: 1},
			{On: iaptest.OnResume, Do: iaptest.Close, Code: 401, Times: 1}}, []string{"token-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &tokens{}
				s, c, vmSide := dialWithTokens(t, source, tc.faults)
				if err := exchange(c, vmSide, 200_000, 1); err != nil {
					t.Error(err)
				}
				c.Close()
				vmSide.Close()
				s.Close()
				if !slices.Equal(source.refused, tc.refused) {
					t.Errorf("handed back %v, want %v", source.refused, tc.refused)
				}
			})
		})
	}
}

// A token source that says no ends the session, as a sign-in problem.
func TestTokenSourceFailsOnResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signIn := errors.New("please sign in")
		s, c, vmSide := dialWithTokens(t, &tokens{err: signIn}, []iaptest.Fault{{On: iaptest.OnSent, After: 50_000, Do: iaptest.Reset, Times: 1}})
		go io.Copy(vmSide, noise(60_000, 1))
		begin := time.Now()
		_, err := io.Copy(io.Discard, c)
		var failed *iap.DialError
		if !errors.Is(err, signIn) || !errors.As(err, &failed) || failed.Stage != iap.StageToken || time.Since(begin) > time.Second {
			t.Errorf("ended with %v after %v", err, time.Since(begin))
		}
		c.Close()
		vmSide.Close()
		s.Close()
	})
}

// After CloseWrite what the VM says is still delivered; the session ends when it has been silent.
func TestCloseWrite(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go func() {
			io.ReadFull(vmSide, make([]byte, 7))
			for range 5 {
				time.Sleep(9 * time.Second)
				io.WriteString(vmSide, "reply ")
			}
		}()
		io.WriteString(c, "request")
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		begin := time.Now()
		if got, err := io.ReadAll(c); err != nil || string(got) != "reply reply reply reply reply " {
			t.Errorf("%q, %v", got, err)
		}
		if took := time.Since(begin); took < 55*time.Second || took > 56*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}
