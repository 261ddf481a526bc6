package iap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// requests gives the paths that the client asked for.
func requests(s *iaptest.Server) (paths []string) {
	for _, e := range s.Transcript() {
		if e.Kind == iaptest.Requested {
			paths = append(paths, e.Text)
		}
	}
	return paths
}

// dataOn sums the payload that the client sent on a link.
func dataOn(s *iaptest.Server, link int) (sum int64) {
	for _, e := range s.Transcript() {
		if e.Link == link && e.From == iaptest.Client && e.Kind == iaptest.Data {
			sum += e.N
		}
	}
	return sum
}

// Each end that can be survived leads to one request for /v4/reconnect, with the session's id, count and zone (else the emulator
// would refuse it), and never to another session.
func TestOneReconnect(t *testing.T) {
	for _, f := range []iaptest.Fault{
		{Do: iaptest.Reset},
		{Do: iaptest.Fin},
		{Do: iaptest.TLSClose},
		{Do: iaptest.Close, Code: 1001},
		{Do: iaptest.Close, Code: 1005},
		{Do: iaptest.Close, Code: 1011},
		{Do: iaptest.Close, Code: 4000},
		{Do: iaptest.Expire},
	} {
		t.Run(f.String(), func(t *testing.T) {
			tokens := &tokens{}
			synctest.Test(t, func(t *testing.T) {
				s, c, vmSide := dialWithTokens(t, tokens, nil)
				swap := func() {
					t.Helper()
					if err := exchange(c, vmSide, 50_000, 1); err != nil {
						t.Fatal(err)
					}
				}
				swap()
				s.Strike(f)
				swap()
				c.Close()
				vmSide.Close()
				s.Close()
				if got := requests(s); !slices.Equal(got, []string{"/v4/connect", "/v4/reconnect"}) {
					t.Errorf("requests %v", got)
				}
				if v := s.Violations(); len(v) > 0 {
					t.Errorf("the client broke rules:\n%s", iaptest.Report(v))
				}
				if tokens.given != 2 {
					t.Errorf("%d tokens asked for", tokens.given)
				}
			})
		})
	}
}

// What the relay has, to the byte in the middle of a message, is not sent again; the rest is, once.
func TestOnlyTheTailIsSentAgain(t *testing.T) {
	const size = 100_000
	for _, at := range []int64{1, 16_383, 16_384, 16_385, 50_001} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			faults := []iaptest.Fault{{On: iaptest.OnReceived, After: at, Do: iaptest.Fin, Times: 1}}
			inBubble(t, faults, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
				done := make(chan error, 2)
				go send(c, size, 1, done)
				receive(vmSide, size, 1, done)
				if err := errors.Join(<-done, <-done); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				if again := dataOn(s, 2); again != size-at {
					t.Errorf("%d bytes on the second link, want %d", again, size-at)
				}
			})
		})
	}
}

// Five drops in a row, each in the middle of what the one before made us send again.
func TestDropsDuringResend(t *testing.T) {
	faults := []iaptest.Fault{
		{On: iaptest.OnConnect, Do: iaptest.HoldAcks},
		{On: iaptest.OnResume, Do: iaptest.HoldAcks, Times: 5},
		{On: iaptest.OnReceived, After: 30_001, Do: iaptest.Reset, Times: 5},
	}
	inBubble(t, faults, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		if err := exchange(c, vmSide, 1<<20, 1); err != nil {
			t.Error(err)
		}
		want := append([]string{"/v4/connect"}, slices.Repeat([]string{"/v4/reconnect"}, 5)...)
		if got := requests(s); !slices.Equal(got, want) {
			t.Errorf("requests %v", got)
		}
		if n := c.Stats().Resumes; n != 5 {
			t.Errorf("%d resumes", n)
		}
	})
}

// A message that is torn at any byte, its frame's header included, is as if it had never come.
func TestLinkTornAtEachByte(t *testing.T) {
	whole := append([]byte{binaryFrame, 126, 0, 206, 0, 4, 0, 0, 0, 200}, make([]byte, 200)...)
	for n := range 32 {
		inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
			s.Strike(iaptest.Fault{Do: iaptest.Say, Frame: whole[:n+1]})
			synctest.Wait()
			s.Strike(iaptest.Fault{Do: iaptest.Fin})
			if err := exchange(c, vmSide, 20_000, 1); err != nil {
				t.Errorf("torn after %d bytes: %v", n+1, err)
			}
			if n := c.Stats().Resumes; n != 1 {
				t.Errorf("torn after %d bytes: %d resumes", n+1, n)
			}
		})
	}
}

// Reads and writes that begin while there is no link are served by the next.
func TestCallsDuringAnOutage(t *testing.T) {
	faults := []iaptest.Fault{{On: iaptest.OnResume, Do: iaptest.Close, Code: 503, Times: 6}}
	inBubble(t, faults, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		s.Strike(iaptest.Fault{Do: iaptest.Reset})
		for c.Stats().DownSince.IsZero() {
			time.Sleep(time.Millisecond)
		}
		if err := exchange(c, vmSide, 1<<20, 1); err != nil {
			t.Error(err)
		}
		if st := c.Stats(); st.Resumes != 1 || !st.DownSince.IsZero() {
			t.Errorf("%d resumes, down since %v", st.Resumes, st.DownSince)
		}
	})
}

// A network that refuses, and a relay that is gone for a while, are waited for.
func TestUnreachableForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend, accepted := handOver()
		s := iaptest.NewUnstartedServer()
		s.Handle("vm", 22, backend)
		s.StartInMemory()
		d := dialer(s)
		var mu sync.Mutex
		var refuseUntil time.Time // guarded by mu
		d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if time.Now().Before(refuseUntil) {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			return s.NetDial(ctx, network, addr)
		}
		c, err := d.Dial(t.Context(), vm)
		if err != nil {
			t.Fatal(err)
		}
		vmSide := <-accepted
		mu.Lock()
		refuseUntil = time.Now().Add(2 * time.Minute)
		mu.Unlock()
		s.Strike(iaptest.Fault{Do: iaptest.Reset})
		begin := time.Now()
		if err := exchange(c, vmSide, 100_000, 1); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took < 2*time.Minute || took > 2*time.Minute+20*time.Second {
			t.Errorf("back after %v", took)
		}
		c.Close()
		vmSide.Close()
		s.Close()
	})
}

// Close during an outage that leaves nothing to deliver is at once.
func TestCloseDuringAnOutage(t *testing.T) {
	faults := []iaptest.Fault{{On: iaptest.OnResume, Do: iaptest.Close, Code: 503, Times: 100}}
	inBubble(t, faults, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		s.Strike(iaptest.Fault{Do: iaptest.Reset})
		time.Sleep(20 * time.Second)
		begin := time.Now()
		var reader sync.WaitGroup
		reader.Go(func() {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read: %v", err)
			}
		})
		synctest.Wait()
		if err := c.Close(); err != nil || time.Since(begin) != 0 {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		reader.Wait()
	})
}

// A relay that has gone back behind what it confirmed has lost bytes.
func TestReconnectCountGoesBack(t *testing.T) {
	faults := []iaptest.Fault{{On: iaptest.OnResume, Do: iaptest.WrongCount, N: -1}}
	inBubble(t, faults, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go c.Write(make([]byte, 20_000))
		io.ReadFull(vmSide, make([]byte, 20_000))
		time.Sleep(time.Second) // it has confirmed them
		s.Strike(iaptest.Fault{Do: iaptest.Reset})
		begin := time.Now()
		_, err := c.Read(make([]byte, 1))
		if !sameKind(err, &iap.ProtocolError{}) || !strings.Contains(err.Error(), "19999") || time.Since(begin) > time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// Hurry has a Close with bytes to deliver not wait for a link: one that was down before, that is down while Close waits, or that
// breaks then.
func TestHurry(t *testing.T) {
	faults := []iaptest.Fault{{On: iaptest.OnResume, Do: iaptest.Close, Code: 503, Times: 100}}
	for _, test := range []struct {
		name string
		end  func(s *iaptest.Server, c *iap.Conn)
	}{
		{"before", func(s *iaptest.Server, c *iap.Conn) {
			s.Strike(iaptest.Fault{Do: iaptest.Reset})
			synctest.Wait()
			c.Write([]byte("unsent"))
			c.Hurry()
		}},
		{"meanwhile", func(s *iaptest.Server, c *iap.Conn) {
			s.Strike(iaptest.Fault{Do: iaptest.Reset})
			synctest.Wait()
			c.Write([]byte("unsent"))
			go c.Close()
			synctest.Wait()
			c.Hurry()
		}},
		{"broken then", func(s *iaptest.Server, c *iap.Conn) {
			s.Strike(iaptest.Fault{Do: iaptest.Blackhole})
			c.Write([]byte("unsent"))
			c.Hurry()
			go c.Close()
			synctest.Wait()
			s.Strike(iaptest.Fault{Do: iaptest.Reset})
		}},
	} {
		inBubble(t, faults, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
			begin := time.Now()
			test.end(s, c)
			c.Close()
			if took := time.Since(begin); took != 0 {
				t.Errorf("%s: closed after %v", test.name, took)
			}
		})
	}
}

// With a link, Hurry takes nothing from Close: what was written arrives, and the relay hears of the end.
func TestHurryWithALink(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		got := make(chan []byte, 1)
		go func() { b, _ := io.ReadAll(vmSide); got <- b }()
		c.Write(make([]byte, 100_000))
		c.Hurry()
		c.Close()
		if n := len(<-got); n != 100_000 {
			t.Errorf("%d bytes arrived", n)
		}
	})
}
