package iap_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

func TestConnHoldsTheContract(t *testing.T) { holdContract(t) }

// The contract holds on a link that is cut every 64 KiB, either way.
func TestConnHoldsTheContractThroughCuts(t *testing.T) {
	holdContract(t,
		iaptest.Fault{On: iaptest.OnSent, After: 64 << 10, Do: iaptest.Reset},
		iaptest.Fault{On: iaptest.OnReceived, After: 64 << 10, Do: iaptest.Fin},
	)
}

// holdContract judges a Conn by the contract of net.Conn, on a relay with faults.
func holdContract(t *testing.T, faults ...iaptest.Fault) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		backend, accepted := handOver()
		s := iaptest.NewUnstartedServer()
		s.Faults = faults
		s.Handle("vm", 22, backend)
		s.Start()
		c, err := dialer(s).Dial(t.Context(), vm)
		if err != nil {
			s.Close()
			return nil, nil, nil, err
		}
		vmSide := <-accepted
		return c, vmSide, func() {
			c.Close()
			vmSide.Close()
			s.Close()
			if v := s.Violations(); len(v) > 0 {
				t.Errorf("the client broke rules:\n%s", iaptest.Report(v))
			}
		}, nil
	})
}

func TestFullDuplex(t *testing.T) {
	backend, accepted := handOver()
	_, d := relay(t, backend)
	c, vmSide := pair(t, d, accepted)
	if err := exchange(c, vmSide, *duplexSize, 1); err != nil {
		t.Error(err)
	}
}

func TestRemoteEnd(t *testing.T) {
	_, d := relay(t, iaptest.Serve(func(c net.Conn) { io.WriteString(c, "last words") }))
	c := dial(t, d)
	if got := readAll(t, c); got != "last words" {
		t.Errorf("read %q", got)
	}
	var closed *iap.CloseError
	if _, err := c.Write([]byte("x")); !errors.As(err, &closed) || closed.Code != iap.CloseNormal || !closed.Established {
		t.Errorf("write after the end: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read after the end: %v", err)
	}
}

// What was written before Close reaches the VM, even when the VM is slow to take it.
func TestCloseDeliversTheTail(t *testing.T) {
	got := make(chan []byte, 1)
	_, d := relay(t, iaptest.Serve(func(c net.Conn) {
		b, _ := io.ReadAll(c)
		got <- b
	}))
	for range 20 {
		c := dial(t, d)
		tail := make([]byte, 200_000)
		rand.NewChaCha8([32]byte{3}).Read(tail)
		if _, err := c.Write(tail); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if b := <-got; !bytes.Equal(b, tail) {
			t.Fatalf("%d bytes of %d arrived", len(b), len(tail))
		}
	}
}

func TestCloseUnblocksAndSticks(t *testing.T) {
	backend, accepted := handOver()
	_, d := relay(t, backend)
	c, _ := pair(t, d, accepted)
	var blocked sync.WaitGroup
	blocked.Go(func() {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("blocked read: %v", err)
		}
	})
	blocked.Go(func() {
		var err error
		for err == nil {
			_, err = c.Write(make([]byte, 1<<20)) // nobody reads at the VM
		}
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("blocked write: %v", err)
		}
	})
	c.Close()
	blocked.Wait()
	for range 2 {
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
	}
}

func TestDeadlineLeavesTheConnUsable(t *testing.T) {
	_, d := relay(t, iaptest.Echo())
	c := dial(t, d)
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("read past its deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	if _, err := c.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "still here" {
		t.Errorf("%q, %v", got, err)
	}
}

// In fake time: a session that is idle for a day pings and lives.
func TestADayInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := iaptest.NewUnstartedServer()
		s.Handle("vm", 22, iaptest.Echo())
		s.StartInMemory()
		defer s.Close()
		c, err := dialer(s).Dial(t.Context(), vm)
		if err != nil {
			t.Fatal(err)
		}
		talk := func() {
			t.Helper()
			big := make([]byte, 300_000)
			rand.NewChaCha8([32]byte{4}).Read(big)
			var writer sync.WaitGroup
			writer.Go(func() { c.Write(big) })
			got := make([]byte, len(big))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, big) {
				t.Fatalf("echo differs, %v", err)
			}
			writer.Wait()
		}
		talk()
		time.Sleep(24 * time.Hour)
		talk()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		pings := 0
		for _, e := range s.Transcript() {
			if e.Kind == iaptest.Ping {
				pings++
			}
		}
		if pings < 24*3600/30 || pings > 24*3600/10 {
			t.Errorf("%d pings in a day", pings)
		}
		if v := s.Violations(); len(v) > 0 {
			t.Errorf("the client broke rules:\n%s", iaptest.Report(v))
		}
	})
}

// In fake time: what the caller has taken is acknowledged soon, what it has not taken never.
func TestAcks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend, accepted := handOver()
		s := iaptest.NewUnstartedServer()
		s.Handle("vm", 22, backend)
		s.StartInMemory()
		defer s.Close()
		c, err := dialer(s).Dial(t.Context(), vm)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		vmSide := <-accepted
		defer vmSide.Close()
		acked := func() uint64 { return s.Sessions()[0].Acked }

		vmSide.Write(make([]byte, 40_000))
		time.Sleep(10 * time.Second)
		if n := acked(); n != 0 {
			t.Errorf("%d bytes acknowledged that the caller has not taken", n)
		}
		io.ReadFull(c, make([]byte, 39_999))
		synctest.Wait()
		if n := acked(); n < 32<<10 {
			t.Errorf("%d bytes acknowledged at once of 39999 taken", n)
		}
		io.ReadFull(c, make([]byte, 1))
		time.Sleep(time.Second)
		if n := acked(); n != 40_000 {
			t.Errorf("%d bytes acknowledged after a second of 40000 taken", n)
		}
	})
}
