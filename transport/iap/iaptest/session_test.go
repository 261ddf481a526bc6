package iaptest

import (
	"bytes"
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
	const size = 8 << 20
	up, down := randomBytes(t, size), randomBytes(t, size)
	var atBackend []byte
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Serve(func(c net.Conn) {
		var reader sync.WaitGroup
		reader.Go(func() { atBackend, _ = io.ReadAll(io.LimitReader(c, size)) })
		c.Write(down)
		reader.Wait()
	}))

	var got []byte // by the client
	var confirmed uint64
	c, sid := open(t, srv, 22)
	for link := 1; ; link++ {
		from := confirmed
		var writer sync.WaitGroup
		// received is handed over for ACKs; one writer owns the connection.
		received := make(chan uint64, 1)
		writer.Go(func() { uploadUntilError(c, up[from:], received) })
		stop := min(size, link*(1<<20))
		for len(got) < stop || stop == size {
			op, p, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			if op == 8 {
				break
			}
			switch p[1] {
			case 4:
				got = append(got, p[6:]...)
				select {
				case <-received:
				default:
				}
				received <- uint64(len(got))
			case 7:
				confirmed = binary.BigEndian.Uint64(p[2:])
			}
		}
		if stop == size {
			c.write(rawFrame(0x88, closePayload(1000, "")))
			close(received)
			writer.Wait()
			c.wantEOF()
			c.conn.Close()
			break
		}
		c.raw.Close()
		close(received)
		writer.Wait()
		var n uint64
		c, n = resumed(t, srv, sid, uint64(len(got)))
		if n < confirmed || n > size {
			t.Fatalf("relay has %d, confirmed %d", n, confirmed)
		}
		confirmed = n
	}
	wantViolations(t, srv)
	if !bytes.Equal(got, down) {
		t.Error("download differs")
	}
	if !bytes.Equal(atBackend, up) {
		t.Error("upload differs")
	}
	if i := srv.Sessions()[0]; i.Links != 8 {
		t.Error(i)
	}
}

// uploadUntilError writes all of p in DATA frames, with an ACK between them when
// 32 KiB have come, and then ACKs until received is closed.
func uploadUntilError(c *rawClient, p []byte, received <-chan uint64) {
	var acked uint64
	for {
		select {
		case n, ok := <-received:
			if !ok {
				return
			}
			if n-acked < 32<<10 && len(p) > 0 {
				break
			}
			acked = n
			if _, err := c.conn.Write(rawFrame(0x82, ackMessage(n))); err != nil {
				return
			}
		default:
			if len(p) == 0 {
				n, ok := <-received
				if !ok {
					return
				}
				if _, err := c.conn.Write(rawFrame(0x82, ackMessage(n))); err != nil {
					return
				}
				break
			}
			k := min(len(p), 16384)
			if _, err := c.conn.Write(rawFrame(0x82, dataMessage(p[:k]))); err != nil {
				return
			}
			p = p[k:]
		}
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
		for range 64 << 20 / 16384 {
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
	for acked := uint64(0); acked < 64<<20; {
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
