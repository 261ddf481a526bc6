package iap_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// sentBy gives the transcript's numbers of one kind from one side.
func sentBy(s *iaptest.Server, from iaptest.Side, kind iaptest.EventKind) (ns []int64) {
	for _, e := range s.Transcript() {
		if e.From == from && e.Kind == kind {
			ns = append(ns, e.N)
		}
	}
	return ns
}

// holdAcks makes the relay confirm nothing for a while.
func holdAcks(d time.Duration) func(*iaptest.Server, *iap.Dialer) {
	return func(s *iaptest.Server, _ *iap.Dialer) {
		s.Faults = []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.HoldAcks, For: d}}
	}
}

// A long write leaves as full messages, in order. (That each is one masked binary frame, the emulator watches in every test.)
func TestMessagesAreFull(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		var reader sync.WaitGroup
		var got []byte
		reader.Go(func() { got, _ = io.ReadAll(io.LimitReader(vmSide, 40_000)) })
		want, _ := io.ReadAll(noise(40_000, 9))
		if n, err := c.Write(nil); n != 0 || err != nil {
			t.Errorf("a write of nothing: %d, %v", n, err)
		}
		c.Write(want)
		reader.Wait()
		if !bytes.Equal(got, want) {
			t.Error("the bytes differ")
		}
		if sizes := sentBy(s, iaptest.Client, iaptest.Data); !slices.Equal(sizes, []int64{16384, 16384, 7232}) {
			t.Errorf("messages of %v bytes", sizes)
		}
	})
}

func TestConcurrentWritesDoNotInterleave(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		const writers, size = 8, 100_000
		var tasks sync.WaitGroup
		for i := range writers {
			tasks.Go(func() { c.Write(bytes.Repeat([]byte{byte('a' + i)}, size)) })
		}
		for range writers {
			whole := make([]byte, size)
			if _, err := io.ReadFull(vmSide, whole); err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(whole, whole[:1]); n != size {
				t.Errorf("a write of %q was interrupted after %d bytes", whole[0], n)
			}
		}
		tasks.Wait()
	})
}

// With no ACK what is kept stays within 8 MiB: Write waits, heeds its deadline, and goes on after an ACK.
func TestWriteWaitsForAcks(t *testing.T) {
	inBubbleWith(t, holdAcks(time.Minute), func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		const size, bound = 10 << 20, 8 << 20
		go io.Copy(io.Discard, vmSide)
		begin := time.Now()
		c.SetWriteDeadline(begin.Add(10 * time.Second))
		n, err := c.Write(make([]byte, size))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n != bound || c.Unconfirmed() != bound || time.Since(begin) != 10*time.Second {
			t.Errorf("wrote %d bytes, %d unconfirmed, after %v: %v", n, c.Unconfirmed(), time.Since(begin), err)
		}
		c.SetWriteDeadline(time.Time{})
		if _, err := c.Write(make([]byte, size-n)); err != nil || time.Since(begin) < 50*time.Second {
			t.Errorf("the rest: %v after %v", err, time.Since(begin))
		}
		time.Sleep(time.Second)
		if left, resumes := c.Unconfirmed(), c.Stats().Resumes; left != 0 || resumes != 0 {
			t.Errorf("%d bytes unconfirmed, %d resumes", left, resumes)
		}
	})
}

// What comes is acknowledged while a Write waits, within 100 ms of 32 KiB.
func TestAcksWhileUploadIsBlocked(t *testing.T) {
	inBubbleWith(t, holdAcks(time.Hour), func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go io.Copy(io.Discard, vmSide)
		go c.Write(make([]byte, 9<<20))
		synctest.Wait()
		if n := c.Unconfirmed(); n != 8<<20 {
			t.Fatalf("%d bytes unconfirmed", n)
		}
		for total := uint64(40_000); total <= 400_000; total += 40_000 {
			go vmSide.Write(make([]byte, 40_000))
			io.ReadFull(c, make([]byte, 40_000))
			time.Sleep(100 * time.Millisecond)
			if acked := s.Sessions()[0].Acked; total-acked >= 32<<10 {
				t.Errorf("%d bytes acknowledged of %d", acked, total)
			}
		}
	})
}

func TestOneByteIsAcknowledged(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		go vmSide.Write([]byte{1})
		io.ReadFull(c, make([]byte, 1))
		time.Sleep(2 * time.Second)
		if acked := s.Sessions()[0].Acked; acked != 1 {
			t.Errorf("%d bytes acknowledged", acked)
		}
		// Nor is it said again: the emulator calls that a violation.
		time.Sleep(time.Minute)
		if acks := sentBy(s, iaptest.Client, iaptest.Ack); !slices.Equal(acks, []int64{1}) {
			t.Errorf("ACKs %v", acks)
		}
	})
}

// Sessions of one Dialer have nothing in common: counts, ends, closes.
func TestTenConnections(t *testing.T) {
	backend, accepted := handOver()
	s, d := relay(t, backend)
	const conns = 10
	var tasks sync.WaitGroup
	for i := range conns {
		c, vmSide := pair(t, d, accepted)
		tasks.Go(func() {
			if err := exchange(c, vmSide, int64(100_000*(i+1)), byte(i)); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
			c.Close()
		})
	}
	tasks.Wait()
	var received []uint64
	for _, session := range s.Sessions() {
		if session.Received != session.Sent || session.Acked > session.Sent {
			t.Errorf("%v", session)
		}
		received = append(received, session.Received)
	}
	slices.Sort(received)
	for i, n := range received {
		if want := uint64(100_000 * (i + 1)); n != want {
			t.Errorf("a session received %d bytes, want %d", n, want)
		}
	}
	if len(received) != conns {
		t.Errorf("%d sessions", len(received))
	}
}

// A failing session leaves its neighbour alone.
func TestNeighbourOfAFailure(t *testing.T) {
	backend, accepted := handOver()
	s, d := relay(t, backend)
	first, firstVM := pair(t, d, accepted)
	second, secondVM := pair(t, d, accepted)
	firstVM.Close()
	if _, err := io.ReadAll(first); err != nil {
		t.Error(err)
	}
	first.Close()
	if err := exchange(second, secondVM, 300_000, 5); err != nil {
		t.Error(err)
	}
	if n := len(s.Sessions()); n != 2 {
		t.Errorf("%d sessions", n)
	}
}

// A relay without a window is stopped by us, at 4 MiB; nothing is lost, and the session lives as long as it takes.
func TestSlowReaderIsBounded(t *testing.T) {
	wide := func(s *iaptest.Server, _ *iap.Dialer) { s.Window = 64 << 20 }
	inBubbleWith(t, wide, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		const size = 20 << 20
		done := make(chan error, 2)
		go send(vmSide, size, 3, done)
		time.Sleep(30 * time.Minute)
		if n := c.Stats().Waiting; n < 4<<20 || n > 4<<20+64<<10 {
			t.Errorf("%d bytes wait for the caller", n)
		}
		receive(c, size, 3, done)
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
		before := len(sentBy(s, iaptest.Client, iaptest.Ping))
		time.Sleep(time.Minute)
		if after := len(sentBy(s, iaptest.Client, iaptest.Ping)); after == before {
			t.Error("no more pings")
		}
		if n := c.Stats().Resumes; n != 0 {
			t.Errorf("%d resumes", n)
		}
	})
}

// frame is one from the relay.
func frame(head byte, payload ...byte) []byte {
	return append([]byte{head, byte(len(payload))}, payload...)
}

const (
	binaryFrame = 0x82
	pongFrame   = 0x8a
)

// What a relay may say at any time and does not matter.
func TestHarmlessFrames(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
		for name, say := range map[string][]byte{
			"pong":                 frame(pongFrame),
			"pong of another":      frame(pongFrame, 'x', 'y'),
			"equal ACK":            frame(binaryFrame, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0),
			"unknown tag alone":    frame(binaryFrame, 0, 5),
			"unknown tag, filled":  frame(binaryFrame, 0, 99, 0, 1, 0, 4, 0, 0, 0, 1, 'x', 0, 7),
			"deprecated tag":       frame(binaryFrame, 0, 3, 1, 2, 3),
			"empty DATA":           frame(binaryFrame, 0, 4, 0, 0, 0, 0),
			"ACK with extra bytes": frame(binaryFrame, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2),
		} {
			s.Strike(iaptest.Fault{Do: iaptest.Say, Frame: say})
			go vmSide.Write([]byte{'!'})
			one := make([]byte, 1)
			if _, err := io.ReadFull(c, one); err != nil || one[0] != '!' {
				t.Fatalf("after %s: %q, %v", name, one, err)
			}
		}
	})
}

// What a relay must not say ends the session, for reader and writer alike.
func TestMalformedMessages(t *testing.T) {
	for name, say := range map[string][]byte{
		"empty message":        frame(binaryFrame),
		"one byte":             frame(binaryFrame, 0),
		"ACK cut short":        frame(binaryFrame, 0, 7, 0, 0, 0, 0, 0, 0, 0),
		"DATA without length":  frame(binaryFrame, 0, 4, 0, 0),
		"DATA cut short":       frame(binaryFrame, 0, 4, 0, 0, 0, 3, 'a', 'b'),
		"DATA of 4 GiB":        frame(binaryFrame, 0, 4, 255, 255, 255, 255, 'a'),
		"LONG_CLOSE cut short": frame(binaryFrame, 0, 10, 0, 0),
		"text":                 frame(0x81, 'h', 'i'),
		"reserved bit":         frame(0xc2, 0, 5),
		"unknown opcode":       frame(0x83),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, s *iaptest.Server, c *iap.Conn, vmSide net.Conn) {
				go vmSide.Write([]byte("before"))
				io.ReadFull(c, make([]byte, 6))
				s.Strike(iaptest.Fault{Do: iaptest.Say, Frame: say})
				begin := time.Now()
				_, err := io.Copy(io.Discard, c)
				if !sameKind(err, &iap.ProtocolError{}) || time.Since(begin) > time.Second {
					t.Errorf("read: %v after %v", err, time.Since(begin))
				}
				if _, err := c.Write([]byte("x")); !sameKind(err, &iap.ProtocolError{}) {
					t.Errorf("write: %v", err)
				}
			})
		})
	}
}

// FuzzRelay: whatever bytes a relay sends, the session goes on or ends with an error; it neither panics nor hangs.
func FuzzRelay(f *testing.F) {
	f.Add(frame(binaryFrame, 0, 4, 0, 0, 0, 1, 'x'))
	f.Add(frame(binaryFrame, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1))
	f.Add(append(frame(0x02, 0, 4, 0, 0), frame(0x80, 0, 1, 'x')...))
	f.Add(frame(0x88, 15, 161, 'b', 'y', 'e'))
	f.Add(frame(0x89, 'p'))
	f.Add([]byte{binaryFrame, 127, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, say []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := iaptest.NewUnstartedServer()
			s.Handle("vm", 22, iaptest.Serve(discard))
			s.StartInMemory()
			defer s.Close()
			d := dialer(s)
			d.Resume = -1
			c, err := d.Dial(t.Context(), vm)
			if err != nil {
				t.Fatal(err)
			}
			s.Strike(iaptest.Fault{Do: iaptest.Say, Frame: say})
			synctest.Wait() // until it is said
			s.Strike(iaptest.Fault{Do: iaptest.Fin})
			c.SetDeadline(time.Now().Add(time.Hour))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the session hangs")
			}
			begin := time.Now()
			c.Close()
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("Close took %v", took)
			}
		})
	})
}
