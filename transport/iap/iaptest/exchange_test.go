package iaptest

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"
)

// exchange is a faithful client that uploads and downloads at once, and resumes
// its session for as long as that may succeed.
type exchange struct {
	t   testing.TB
	srv *Server
	up  []byte

	got       []byte // the download
	confirmed uint64 // of the upload
	sid       string
	links     int
}

// run ends with the relay's close 1000. drop, if any, tells when to break a link.
func (x *exchange) run(drop func(link, got int) bool) {
	x.t.Helper()
	c, sid := open(x.t, x.srv, 22)
	x.sid = sid
	for x.links = 1; ; x.links++ {
		uploader := newUploader(c, x.up[x.confirmed:], uint64(len(x.got)))
		code := x.download(c, uploader, drop)
		uploader.stop(code == 0)
		if code != 0 {
			c.conn.Write(rawFrame(0x88, closePayload(code, "")))
			c.read() // EOF
		}
		c.raw.Close()
		if code == 1000 {
			return
		}
		c = x.resume()
	}
}

// resume tries until the session has a link again.
func (x *exchange) resume() *rawClient {
	x.t.Helper()
	for range 100 {
		c, _, err := resumeRequest(x.srv, x.sid, uint64(len(x.got))).try(x.t, x.srv)
		if err != nil || c == nil {
			continue
		}
		op, p, err := c.read()
		switch {
		case err == nil && op == 2 && p[1] == 2:
			n := binary.BigEndian.Uint64(p[2:])
			if n < x.confirmed || n > uint64(len(x.up)) {
				x.t.Fatalf("relay has %d, confirmed %d", n, x.confirmed)
			}
			x.confirmed = n
			x.t.Cleanup(func() { c.raw.Close() })
			return c
		case op == 8 && binary.BigEndian.Uint16(p) != 4002:
			x.t.Fatalf("resume: %s", describe(op, p))
		}
		c.raw.Close()
		time.Sleep(time.Millisecond)
	}
	x.t.Fatal("could not resume")
	return nil
}

// download returns the close code, or 0 if the link broke or was dropped.
func (x *exchange) download(c *rawClient, u *uploader, drop func(link, got int) bool) (code int) {
	var message []byte
	for drop == nil || !drop(x.links, len(x.got)) {
		op, p, err := c.read()
		switch {
		case err != nil:
			return 0
		case op == 8:
			return int(binary.BigEndian.Uint16(p))
		case op > 8:
			continue
		}
		if message = append(message, p...); c.final {
			x.take(message, u)
			message = message[:0]
		}
	}
	return 0
}

func (x *exchange) take(p []byte, u *uploader) {
	switch binary.BigEndian.Uint16(p) {
	case 4:
		n := binary.BigEndian.Uint32(p[2:])
		x.got = append(x.got, p[6:6+n]...)
		u.received(uint64(len(x.got)))
	case 7:
		n := binary.BigEndian.Uint64(p[2:])
		if n < x.confirmed || n > uint64(len(x.up)) {
			x.t.Errorf("ACK %d after %d", n, x.confirmed)
		}
		x.confirmed = n
	}
}

// uploader writes DATA, with an ACK between when 32 KiB have come, and ACKs alone
// when there is no more.
type uploader struct {
	c    *rawClient
	p    []byte
	done sync.WaitGroup

	mu   sync.Mutex
	cond sync.Cond
	// guarded by mu
	count   uint64 // received
	acked   uint64
	stopped bool
}

// newUploader is for a link on which acked bytes of the download are behind both sides.
func newUploader(c *rawClient, p []byte, acked uint64) *uploader {
	u := &uploader{c: c, p: p, count: acked, acked: acked}
	u.cond.L = &u.mu
	u.done.Go(u.run)
	return u
}

// stop waits for the frame that is being written, unless the link is to break.
func (u *uploader) stop(breaking bool) {
	if breaking {
		u.c.raw.Close()
	}
	u.mu.Lock()
	u.stopped = true
	u.cond.Signal()
	u.mu.Unlock()
	u.done.Wait()
}

func (u *uploader) received(n uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.count = n
	u.cond.Signal()
}

func (u *uploader) run() {
	for {
		frame := u.next()
		if frame == nil {
			return
		}
		if _, err := u.c.conn.Write(frame); err != nil {
			return
		}
	}
}

func (u *uploader) next() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	for !u.stopped {
		if u.count-u.acked >= 32<<10 || len(u.p) == 0 && u.count > u.acked {
			u.acked = u.count
			return rawFrame(0x82, ackMessage(u.acked))
		}
		if n := min(len(u.p), 16384); n > 0 {
			frame := rawFrame(0x82, dataMessage(u.p[:n]))
			u.p = u.p[n:]
			return frame
		}
		u.cond.Wait()
	}
	return nil
}
