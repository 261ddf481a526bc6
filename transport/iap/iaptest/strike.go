package iaptest

import (
	"io"
	"net"
	"time"
)

// century is for ever.
const century = 100 * 365 * 24 * time.Hour

// deeds is what faults have done to a link and its reader and writer have not
// yet carried out. It is guarded by the mutex of the link.
type deeds struct {
	struck     bool      // the client is excused for what it does to this link now
	cut        bool      // the link is broken; frames that still come are ignored
	mutedUntil time.Time // the writer waits
	deafUntil  time.Time // the reader waits
	acksFrom   time.Time // no ACK before
	success    struct {
		from   time.Time
		wrong  bool
		offset int64
	}
	says  []byte // frames to be sent next
	shape shape
}

func (f Fault) until() time.Time {
	if f.For == 0 {
		return time.Now().Add(century)
	}
	return time.Now().Add(f.For)
}

func (f Fault) nOr(n int64) int64 {
	if f.N == 0 {
		return n
	}
	return f.N
}

// Strike does to every link now what f says, whatever its moment.
func (s *Server) Strike(f Fault) {
	s.mu.Lock()
	links := make([]*link, 0, len(s.open))
	for l := range s.open {
		links = append(links, l)
	}
	s.mu.Unlock()
	for _, l := range links {
		l.strike(f)
	}
}

// strikeDue carries out faults whose moment has come.
func (l *link) strikeDue(due []*armed) {
	for _, a := range due {
		if a.strikes() {
			l.strike(a.Fault)
		}
	}
}

// strikeRequest carries out the faults of a request. It returns the answer, or
// false if there is none or it was given.
func (l *link) strikeRequest() (answer string, ok bool) {
	on, accept, subprotocol := OnConnect, l.req.accept, wantSubprotocol
	if l.req.resume {
		on = OnResume
	}
	for _, a := range at(l.srv.armed, on) {
		if !a.strikes() {
			continue
		}
		switch f := a.Fault; {
		case f.Do == Delay, f.Do == Blackhole:
			l.event(Relay, Struck, f.N, f.String())
			sleep(l.srv.ctx, time.Until(f.until()))
		case f.Do == Close && f.Code < 1000:
			l.event(Relay, Struck, f.N, f.String())
			l.srv.refuse(l.id, l.conn, f.Code)
			return "", false
		case f.Do == WrongAccept:
			accept = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
		case f.Do == WrongSubprotocol:
			subprotocol = f.Reason
		default:
			l.strike(f)
		}
		if l.closeState().cut {
			io.Copy(io.Discard, l.conn)
			return "", false
		}
		if l.wanted() != nil {
			break
		}
	}
	return switchingProtocols(accept, subprotocol), true
}

// strike may be called from any goroutine. It never waits: what takes time is
// left to the reader and the writer.
func (l *link) strike(f Fault) {
	l.event(Relay, Struck, f.N, f.String())
	s := l.session.Load()
	l.mu.Lock()
	l.deeds.struck = true
	l.mu.Unlock()
	switch f.Do {
	case Reset, Fin, TLSClose:
		l.cut(f)
	case Close:
		l.end(&closing{code: f.Code, reason: f.Reason, resumable: resumable(f.Code)})
	case LongClose:
		l.say(appendLongClose(nil, f.Code, f.Reason))
		l.end(&closing{code: f.Code, resumable: resumable(f.Code)})
	case Expire:
		l.srv.expire(l.req.token)
		l.end(expired)
	case SecondSuccess:
		l.say(appendSID(nil, s.sidOr("again")))
	case LateCount:
		l.say(appendAck(nil, tagReconnectAck, s.received()))
	case AckBeyond:
		l.say(appendAck(nil, tagAck, s.received()+uint64(f.nOr(1<<30))))
	case AckBackwards:
		l.say(s.ackBackward())
	case Duplicate:
		l.say(s.duplicate(int(f.nOr(100))))
	case Empty:
		l.say(appendDataHead(nil, 0))
	case CutShort:
		l.say([]byte{finBit | opBinary, 9, 0, tagData, 0, 0, 0, 10, 'x', 'x', 'x'})
	case Text:
		l.say(append(appendHead(nil, finBit|opText, 4), "text"...))
	case Unknown:
		l.say([]byte{finBit | opBinary, 14, 0, 99, 0, tagConnectSID, 0, tagData, 0, 0, 0, 1, 0, tagAck, 0, 0})
	case SendPing:
		l.say(appendControl(nil, opPing, []byte("iaptest")))
	case Say:
		l.say(f.Frame)
	default:
		l.change(f)
	}
	l.poke()
}

// end closes the link, and the session if it is not to outlive that.
func (l *link) end(c *closing) {
	if s := l.session.Load(); s != nil && !c.resumable {
		s.end(c)
	}
	l.close(c)
}

// change notes what is to be different from now on.
func (l *link) change(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := &l.deeds
	switch f.Do {
	case Delay:
		d.mutedUntil = f.until()
	case Blackhole:
		d.mutedUntil, d.deafUntil = f.until(), f.until()
	case HoldAcks:
		d.acksFrom = f.until()
	case Withhold:
		d.success.from = f.until()
	case WrongSuccess:
		d.success.wrong = true
	case WrongCount:
		d.success.offset = f.N
	case Oversize:
		d.shape.oversize = int(f.nOr(40000))
	case Trailing:
		d.shape.trailing = 3
	case Fragment:
		d.shape.fragments = int(f.nOr(3))
	}
}

func (l *link) say(frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deeds.says = append(l.deeds.says, frame...)
}

// cut breaks the link. The session lets go of it first, so that its counts stay
// as they are.
func (l *link) cut(f Fault) {
	if s := l.session.Load(); s != nil {
		s.detach(l, true)
	}
	l.mu.Lock()
	l.deeds.cut = true
	l.mu.Unlock()
	l.raw.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // the writer may be blocked
	if f.N > 0 {
		torn := appendDataHead(nil, maxData)
		l.conn.Write(append(torn, make([]byte, min(int(f.N), maxData-1))...))
	}
	breakConn(f.Do, l.raw, l.conn.CloseWrite)
}

// breakConn ends a connection without a word of websocket. But for a reset, the
// reader goes on until the client has closed too, lest the kernel make it one.
func breakConn(how Action, raw net.Conn, closeNotify func() error) {
	switch how {
	case Reset:
		reset(raw)
		return
	case TLSClose:
		closeNotify()
	}
	closeWrite(raw)
	raw.SetReadDeadline(time.Now().Add(closeTimeout))
}

// reset sends RST.
func reset(c net.Conn) {
	switch c := c.(type) {
	case *pipeConn:
		c.reset()
	case *net.TCPConn:
		c.SetLinger(0)
	}
	c.Close()
}

// hears waits while the link is a black hole. It reports false when the server closes.
func (l *link) hears() bool {
	for {
		l.mu.Lock()
		wait := time.Until(l.deeds.deafUntil)
		l.mu.Unlock()
		if wait <= 0 || l.srv.isClosed() {
			return wait <= 0
		}
		sleep(l.srv.ctx, wait)
	}
}

// speaks waits while the writer is to be silent, false if the link ends.
func (l *link) speaks() bool {
	return l.await((*link).speaksAt)
}

// speaksAt is when the writer may go on. The caller holds mu.
func (l *link) speaksAt() time.Time { return l.deeds.mutedUntil }

// successAt is when the success frame may be sent; a link that is to be closed
// does not wait for it. The caller holds mu.
func (l *link) successAt() time.Time {
	if d := &l.deeds; l.want == nil && d.success.from.After(d.mutedUntil) {
		return d.success.from
	}
	return l.deeds.mutedUntil
}

// await waits until a time that may change meanwhile. It reports false if the
// link ends.
func (l *link) await(until func(*link) time.Time) bool {
	for {
		l.mu.Lock()
		wait := time.Until(until(l))
		l.mu.Unlock()
		if wait <= 0 {
			return true
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-l.poked:
		case <-l.done:
			t.Stop()
			return false
		}
		t.Stop()
	}
}
