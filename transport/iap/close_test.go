package iap_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// watchedConn notes when it is closed.
type watchedConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *watchedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Our end: one close frame with 1000, nothing behind it, and the TCP connection is gone within a second, if the relay answers
// or not. (The emulator calls a second close frame, and anything behind the first, a violation.)
func TestCloseFrame(t *testing.T) {
	for name, silent := range map[string]bool{"relay answers": false, "relay is silent": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := iaptest.NewUnstartedServer()
				s.Handle("vm", 22, iaptest.Serve(discard))
				s.StartInMemory()
				d := dialer(s)
				tcp := &watchedConn{closed: make(chan struct{})}
				d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					c, err := s.NetDial(ctx, network, addr)
					tcp.Conn = c
					return tcp, err
				}
				c, err := d.Dial(t.Context(), vm)
				if err != nil {
					t.Fatal(err)
				}
				c.Write(make([]byte, 50_000))
				if silent {
					synctest.Wait()
					s.Strike(iaptest.Fault{Do: iaptest.Blackhole, For: 10 * time.Second})
				}
				begin := time.Now()
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				<-tcp.closed
				if took := time.Since(begin); took > time.Second {
					t.Errorf("TCP closed after %v", took)
				}
				time.Sleep(time.Minute)
				if codes := sentBy(s, iaptest.Client, iaptest.Closed); len(codes) != 1 || codes[0] != iap.CloseNormal {
					t.Errorf("close frames %v", codes)
				}
				s.Close()
				if v := s.Violations(); len(v) > 0 && !silent {
					t.Errorf("the client broke rules:\n%s", iaptest.Report(v))
				}
			})
		})
	}
}

// The relay's end: everything before it is delivered, then io.EOF for 1000 and the code otherwise, within 100 ms.
func TestRelayCloses(t *testing.T) {
	for _, code := range []int{iap.CloseNormal, iap.CloseWriteFailed, iap.CloseReadFailed} {
		t.Run((&iap.CloseError{Code: code}).Error(), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
				const size = 300_000
				go send(vmSide, size, 1, make(chan error, 1))
				synctest.Wait() // all of it is on its way
				s.Strike(iaptest.Fault{Do: iaptest.Close, Code: code, Reason: "the end"})
				begin := time.Now()
				done := make(chan error, 1)
				receive(c, size, 1, done)
				if err := <-done; err != nil {
					t.Error(err)
				}
				_, err := c.Read(make([]byte, 1))
				if code == iap.CloseNormal && err != io.EOF || code != iap.CloseNormal && !sameKind(err, &iap.CloseError{Code: code}) {
					t.Errorf("then %v", err)
				}
				if _, again := c.Read(make([]byte, 1)); !errors.Is(again, err) && again.Error() != err.Error() {
					t.Errorf("then %v, after %v", again, err)
				}
				if _, err := c.Write([]byte("x")); !sameKind(err, &iap.CloseError{Code: code}) {
					t.Errorf("write: %v", err)
				}
				if took := time.Since(begin); took > 100*time.Millisecond {
					t.Errorf("after %v", took)
				}
			})
		})
	}
}

// LONG_CLOSE tells more than a close frame can.
// What LONG_CLOSE has said holds, also where the close that it announces does not come.
func TestLongCloseIsEnough(t *testing.T) {
	long := frame(binaryFrame, 0, 10, 0, 0, 0x0f, 0xc1, 0, 0, 0, 2, 'n', 'o') // 4033
	t.Run("of a dial", func(t *testing.T) {
		endless := append(slices.Clone(long), binaryFrame, 126, 0x40, 0x06, 0, 99) // the relay's success vanishes in it
		onConnect(t, []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.Say, Frame: endless}},
			func(t *testing.T, s *iaptest.Server, d *iap.Dialer) {
				begin := time.Now()
				_, err := d.Dial(t.Context(), vm)
				if took := time.Since(begin); !sameKind(err, &iap.CloseError{Code: 4033}) || took > 2*time.Second {
					t.Errorf("got %v after %v", err, took)
				}
			})
	})
	t.Run("of a session", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
			s.Strike(iaptest.Fault{Do: iaptest.Say, Frame: long})
			begin := time.Now()
			_, err := c.Read(make([]byte, 1))
			if took := time.Since(begin); !sameKind(err, &iap.CloseError{Code: 4033}) || took > 2*time.Second {
				t.Errorf("got %v after %v", err, took)
			}
		})
	})
}

func TestLongCloseIsTold(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		s.Strike(iaptest.Fault{Do: iaptest.LongClose, Code: 4010, Reason: "a story that is longer than the 123 bytes of a close frame"})
		_, err := c.Read(make([]byte, 1))
		var closed *iap.CloseError
		if !errors.As(err, &closed) || closed.Code != 4010 || closed.Reason != "a story that is longer than the 123 bytes of a close frame" {
			t.Errorf("got %v", err)
		}
	})
}

// Blocked callers return when the session ends, with what ended it, and Close after that is harmless.
func TestEndUnblocks(t *testing.T) {
	inBubbleWith(t, holdAcks(time.Hour), func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go io.Copy(io.Discard, vmSide)
		var blocked sync.WaitGroup
		blocked.Go(func() {
			if _, err := c.Read(make([]byte, 1)); !sameKind(err, &iap.CloseError{Code: iap.CloseNotAuthorized}) {
				t.Errorf("read: %v", err)
			}
		})
		blocked.Go(func() {
			if _, err := c.Write(make([]byte, 20<<20)); !sameKind(err, &iap.CloseError{Code: iap.CloseNotAuthorized}) {
				t.Errorf("write: %v", err)
			}
		})
		synctest.Wait()
		begin := time.Now()
		s.Strike(iaptest.Fault{Do: iaptest.Close, Code: iap.CloseNotAuthorized})
		blocked.Wait()
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("after %v", took)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
	})
}
