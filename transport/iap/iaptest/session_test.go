package iaptest

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestResume(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Echo())
	c, sid := open(t, srv, 22)
	c.data("abcdef")
	c.collect(6)
	c.ack(2)
	c.raw.Close()

	c, n := resumed(t, srv, sid, 4)
	if n != 6 {
		t.Errorf("relay says it has %d bytes, want 6", n)
	}
	if got := c.collect(2); got != "ef" {
		t.Errorf("got %q", got)
	}
	c.data("gh")
	if got := c.collect(2); got != "gh" {
		t.Errorf("got %q", got)
	}
	c.ack(8)
	c.goodbye()
	wantViolations(t, srv)
	i := srv.Sessions()[0]
	if i.Links != 2 || i.Received != 8 || i.Sent != 8 || i.Resent != 2 || i.Acked != 8 {
		t.Error(i)
	}
}

// TestResumeCountsWhatIsHeld wants the relay to vouch for data that its backend
// has not taken yet.
func TestResumeCountsWhatIsHeld(t *testing.T) {
	release := make(chan struct{})
	var got []byte
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Serve(func(c net.Conn) {
		<-release
		got, _ = io.ReadAll(c)
	}))
	sent := randomBytes(t, 10*16384)
	c, sid := open(t, srv, 22)
	for p := sent; len(p) > 0; p = p[16384:] {
		c.binary(dataMessage(p[:16384]))
	}
	waitFor(t, func() bool { return srv.Sessions()[0].Received == uint64(len(sent)) })
	c.raw.Close()
	c, n := resumed(t, srv, sid, 0)
	if n != uint64(len(sent)) {
		t.Errorf("relay has %d bytes, want %d", n, len(sent))
	}
	close(release)
	c.goodbye()
	wantViolations(t, srv)
	if !bytes.Equal(got, sent) {
		t.Errorf("backend got %d bytes", len(got))
	}
}

func TestResumeRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ack    uint64
		code   int
		reason string
		kinds  []ViolationKind
	}{
		{"beyond", 7, 4074, "failed to rewind", []ViolationKind{AckBeyondSent}},
		{"behind", 1, 4074, "failed to rewind", []ViolationKind{AckBackward}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newTestServer(t, nil)
			srv.Handle("vm", 22, Echo())
			c, sid := open(t, srv, 22)
			c.data("abcdef")
			c.collect(6)
			c.ack(2)
			waitFor(t, func() bool { return srv.Sessions()[0].Acked == 2 })
			c.raw.Close()
			resumeRequest(srv, sid, tt.ack).upgrade(t, srv).answerClose(tt.code, tt.reason)
			resumeRequest(srv, sid, 4).upgrade(t, srv).answerClose(4001, "unknown session")
			wantViolations(t, srv, tt.kinds...)
		})
	}
}

func TestSIDInUse(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Echo())
	c, sid := open(t, srv, 22)
	resumeRequest(srv, sid, 0).upgrade(t, srv).answerClose(4002, "session in use")
	c.data("still here")
	c.collect(10)
	c.ack(10)
	c.goodbye()
	resumeRequest(srv, sid, 10).upgrade(t, srv).answerClose(4001, "unknown session")
	wantViolations(t, srv)
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := NewUnstartedServer()
		srv.Retention = time.Minute
		srv.StartInMemory()
		defer srv.Close()
		srv.Handle("vm", 22, Echo())
		c, sid := open(t, srv, 22)
		for range 3 { // each resume starts the time anew
			c.raw.Close()
			time.Sleep(59 * time.Second)
			c, _ = resumed(t, srv, sid, 0)
		}
		c.raw.Close()
		synctest.Wait()
		if i := srv.Sessions()[0]; i.State != Detached {
			t.Error(i)
		}
		if v := srv.Violations(); len(v) != 1 || v[0].Kind != NoClose {
			t.Error(v)
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if i := srv.Sessions()[0]; i.State != Ended || i.Code != 1006 {
			t.Error(i)
		}
		resumeRequest(srv, sid, 0).upgrade(t, srv).answerClose(4001, "unknown session")
		wantViolations(t, srv, NoClose)
	})
}

// TestFullDuplex moves data both ways at once over links that the client drops
// without warning, and wants every byte once.
func TestFullDuplex(t *testing.T) {
	const size = 2 << 20
	up, down := randomBytes(t, size), randomBytes(t, size)
	var atBackend []byte
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Serve(func(c net.Conn) {
		var reader sync.WaitGroup
		reader.Go(func() { atBackend, _ = io.ReadAll(io.LimitReader(c, size)) })
		c.Write(down)
		reader.Wait()
	}))

	x := &exchange{t: t, srv: srv, up: up}
	x.run(func(link, got int) bool { return got > link*(256<<10) })
	wantViolations(t, srv)
	if !bytes.Equal(x.got, down) {
		t.Error("download differs")
	}
	if !bytes.Equal(atBackend, up) {
		t.Error("upload differs")
	}
	if i := srv.Sessions()[0]; i.Links != 8 {
		t.Error(i)
	}
}

func TestSlowBackendHoldsTheLink(t *testing.T) {
	release := make(chan struct{})
	srv := newTestServer(t, func(s *Server) { s.ReceiveBuffer = 256 << 10 })
	srv.Handle("vm", 22, Serve(func(c net.Conn) {
		<-release
		io.Copy(io.Discard, c)
	}))
	c, _ := open(t, srv, 22)
	var writer sync.WaitGroup
	writer.Go(func() {
		for range 8 << 20 / 16384 {
			if _, err := c.conn.Write(rawFrame(0x82, dataMessage(make([]byte, 16384)))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	waitFor(t, func() bool { return srv.Sessions()[0].Received >= 256<<10 })
	time.Sleep(20 * time.Millisecond)
	if i := srv.Sessions()[0]; i.Received > 256<<10+pipeBuffer {
		t.Error(i)
	}
	close(release)
	for acked := uint64(0); acked < 8<<20; {
		op, p := c.next()
		if op != 2 || p[1] != 7 {
			t.Fatal(describe(op, p))
		}
		acked = binary.BigEndian.Uint64(p[2:])
	}
	writer.Wait()
	c.goodbye()
	wantViolations(t, srv)
}

// TestSlowBackendIsAcknowledged wants an ACK for what the backend took, though
// there is much more to take.
func TestSlowBackendIsAcknowledged(t *testing.T) {
	inFakeTime(t, func(t *testing.T, srv *Server) {
		srv.Handle("vm", 22, Serve(func(c net.Conn) {
			time.Sleep(time.Second) // until all has come
			io.CopyN(io.Discard, c, 64<<10)
			time.Sleep(time.Minute)
		}))
		c, _ := open(t, srv, 22)
		for range 64 {
			c.data(string(make([]byte, 16384)))
		}
		start := time.Now()
		for acked := uint64(0); acked < 64<<10; {
			op, p := c.next()
			if op != 2 || p[1] != 7 {
				t.Fatal(describe(op, p))
			}
			acked = binary.BigEndian.Uint64(p[2:])
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("acknowledged after %v", d)
		}
		c.conn.Write(rawFrame(0x88, nil))
		wantViolations(t, srv)
	})
}

// TestPatience pauses each end for longer than any timeout; that is no reason
// to end a session.
func TestPatience(t *testing.T) {
	const size = 200_000
	t.Run("client", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, srv *Server) {
			srv.Handle("vm", 22, Serve(func(c net.Conn) { c.Write(make([]byte, size)) }))
			c, _ := open(t, srv, 22)
			c.raw.SetDeadline(time.Time{})
			time.Sleep(10 * time.Minute)
			c.collect(size)
			time.Sleep(10 * time.Minute)
			c.ack(size)
			c.answerClose(1000, "")
			wantViolations(t, srv)
		})
	})
	t.Run("backend", func(t *testing.T) {
		inFakeTime(t, func(t *testing.T, srv *Server) {
			srv.Handle("vm", 22, Serve(func(c net.Conn) {
				time.Sleep(10 * time.Minute)
				io.CopyN(io.Discard, c, size)
			}))
			c, _ := open(t, srv, 22)
			c.raw.SetDeadline(time.Time{})
			for n := size; n > 0; n -= min(n, 16384) {
				c.binary(dataMessage(make([]byte, min(n, 16384))))
			}
			c.answerClose(1000, "")
			wantViolations(t, srv)
		})
	})
}

// TestStuck wants a client and a backend that take nothing to be given up once
// the session is over.
func TestStuck(t *testing.T) {
	inFakeTime(t, func(t *testing.T, srv *Server) {
		srv.Handle("vm", 22, func(context.Context) (net.Conn, error) {
			relay, vm := newPipe()
			go vm.Write(make([]byte, 1<<20)) // more than the client's pipe holds
			return relay, nil
		})
		c, _ := open(t, srv, 22)
		for range 10 { // more than the backend's pipe holds
			c.data(string(make([]byte, 16384)))
		}
		c.sendClose(1000) // and read nothing
		time.Sleep(10 * time.Second)
		synctest.Wait()
		events := srv.Transcript()
		if e := events[len(events)-1]; e.Kind != Gone {
			t.Errorf("last event %v", e)
		}
		srv.mu.Lock()
		if n := len(srv.sessions); n != 0 {
			t.Errorf("%d sessions left", n)
		}
		srv.mu.Unlock()
		wantViolations(t, srv)
	})
}
