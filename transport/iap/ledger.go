package iap

import (
	"fmt"
	"sync"

	"github.com/iapssh/iapssh/transport/iap/internal/wire"
)

// The session's accounts. Both ledgers are plain values without I/O, clock or lock (Conn.mu guards them); all their numbers
// are payload bytes since the session began, as the relay counts them, so they mean the same on every link of a session.

const (
	// ackEvery is how much the caller may have taken before an ACK must leave. The relay sends about 1.5 MB beyond the last
	// ACK and then waits, so early ACKs are what keeps a long line full.
	ackEvery = 32 << 10
	// ackPiggyback is how much makes an ACK worth sending when DATA leaves anyway.
	ackPiggyback = 16 << 10

	// maxUnsent is how much Write takes beyond what the system has taken: a keystroke waits behind no more than this.
	maxUnsent = 64 << 10
	// maxUnconfirmed bounds the bytes kept until the relay confirms them. It lies well above the relay's own window, because
	// a relay that acknowledges lazily would stall a smaller one for ever.
	maxUnconfirmed = 8 << 20
)

// page holds payload bytes behind room for the header of a DATA message.
type page [wire.DataHeader + wire.MaxPayload]byte

func (p *page) payload() []byte { return p[wire.DataHeader:] }

// sendLedger keeps what the caller wrote until the relay confirms it.
//
//	base ≤ confirmed ≤ sent ≤ written, left ≤ sent
//
// Pages are filled one after the other, so the byte with number n lies in page (n-base)/MaxPayload.
type sendLedger struct {
	pages     []*page
	base      uint64 // number of the first byte of pages[0]
	confirmed uint64 // the relay has these
	left      uint64 // the system has these
	sent      uint64 // these were handed to the link
	written   uint64 // these were taken from the caller

	spare   sync.Pool // of *page; the collector empties it when the session is idle
	scratch *page     // for a message that begins inside a page
}

// room is how many bytes the ledger takes now.
func (l *sendLedger) room() int {
	return min(maxUnsent-int(l.written-l.left), maxUnconfirmed-int(l.written-l.confirmed))
}

// append takes as much of p as there is room for.
func (l *sendLedger) append(p []byte) int {
	p = p[:max(0, min(len(p), l.room()))]
	for rest := p; len(rest) > 0; {
		at := int(l.written - l.base)
		if at == len(l.pages)*wire.MaxPayload {
			l.pages = append(l.pages, l.newPage())
		}
		n := copy(l.pages[at/wire.MaxPayload].payload()[at%wire.MaxPayload:], rest)
		l.written += uint64(n)
		rest = rest[n:]
	}
	return len(p)
}

// next gives the next DATA message to send, or nil. It is counted as sent at once, since the relay's ACK may be read before
// the write that it confirms returns. The slice is good until the ledger is used again.
func (l *sendLedger) next() []byte {
	if l.sent == l.written {
		return nil
	}
	at := int(l.sent - l.base)
	from := at % wire.MaxPayload
	n := min(wire.MaxPayload-from, int(l.written-l.sent))
	p := l.pages[at/wire.MaxPayload]
	if from > 0 {
		// The bytes before this message are payload that may have to be sent again: no place for a header.
		if l.scratch == nil {
			l.scratch = l.newPage()
		}
		copy(l.scratch.payload(), p.payload()[from:from+n])
		p = l.scratch
	}
	wire.PutDataHeader(p[:], n)
	l.sent += uint64(n)
	return p[:wire.DataHeader+n]
}

// confirm takes the relay's count of received bytes and forgets them. A count that goes back, or beyond what was sent, is the
// relay's error.
func (l *sendLedger) confirm(ack uint64) error {
	if ack < l.confirmed || ack > l.sent {
		return &ProtocolError{Detail: fmt.Sprintf("ACK of %d bytes, between %d and %d expected", ack, l.confirmed, l.sent)}
	}
	l.confirmed = ack
	l.left = max(l.left, ack) // the ACK may overtake the return of the write
	if ack == l.written {
		// Nothing is kept: the next byte may lie at the start of a page again, where its message needs no copy.
		l.drop(len(l.pages))
		l.base = ack
		if l.scratch != nil {
			l.spare.Put(l.scratch)
			l.scratch = nil
		}
		return nil
	}
	l.drop(int(ack-l.base) / wire.MaxPayload)
	return nil
}

// flushed counts what next has given as having left.
func (l *sendLedger) flushed() { l.left = l.sent }

// rewind makes everything that is not confirmed unsent, for a new link to send it again.
func (l *sendLedger) rewind() { l.left, l.sent = l.confirmed, l.confirmed }

// drop gives the first n pages back.
func (l *sendLedger) drop(n int) {
	for _, p := range l.pages[:n] {
		l.spare.Put(p)
	}
	kept := copy(l.pages, l.pages[n:])
	clear(l.pages[kept:])
	l.pages = l.pages[:kept]
	l.base += uint64(n) * wire.MaxPayload
}

func (l *sendLedger) newPage() *page {
	if p, ok := l.spare.Get().(*page); ok {
		return p
	}
	return new(page)
}

// run is a stretch of received bytes, filled at w and taken at r.
type run struct {
	buf  []byte
	r, w int
}

// recvLedger keeps what the relay sent until the caller takes it.
//
//	taken ≤ received, acked ≤ received
//
// On one link acked ≤ taken. A resume tells the relay all that was received, which then counts as acked.
type recvLedger struct {
	runs     []*run
	reserved bool   // the reader is filling the last run beyond w, without the lock
	received uint64 // from the relay
	taken    uint64 // by the caller
	acked    uint64 // the last count we sent

	spare sync.Pool // of *run of wire.MaxPayload bytes
}

// waiting is how many received bytes the caller has not taken.
func (l *recvLedger) waiting() int { return int(l.received - l.taken) }

// reserve gives n contiguous bytes to be filled before commit, during which take leaves them alone.
func (l *recvLedger) reserve(n int) []byte {
	l.reserved = true
	if len(l.runs) > 0 {
		if last := l.runs[len(l.runs)-1]; len(last.buf)-last.w >= n {
			return last.buf[last.w : last.w+n]
		}
	}
	l.runs = append(l.runs, l.newRun(n))
	return l.runs[len(l.runs)-1].buf[:n]
}

// commit counts the n reserved bytes as received.
func (l *recvLedger) commit(n int) {
	l.reserved = false
	if n > 0 {
		l.runs[len(l.runs)-1].w += n
		l.received += uint64(n)
	}
}

// resumeAt ends what a broken link left half done and gives the count at which the relay is to go on.
func (l *recvLedger) resumeAt() uint64 {
	l.reserved = false
	l.acked = l.received
	return l.received
}

// take moves received bytes to p.
func (l *recvLedger) take(p []byte) (n int) {
	for n < len(p) && l.waiting() > 0 {
		first := l.runs[0]
		m := copy(p[n:], first.buf[first.r:first.w])
		first.r += m
		l.taken += uint64(m)
		n += m
		if first.r == first.w && (len(l.runs) > 1 || !l.reserved) {
			l.runs = append(l.runs[:0], l.runs[1:]...)
			l.release(first)
		}
	}
	return n
}

// ackDue is the one place where an ACK is decided. It gives the count to send, and whether to send it now: when the caller has
// taken much since the last one; when DATA leaves anyway and it is worth the company; when the line has been idle, so that
// the relay need not keep what we have. What the caller has not taken is never confirmed: that is what holds the relay back.
func (l *recvLedger) ackDue(withData, idle bool) (count uint64, due bool) {
	pending := int64(l.taken) - int64(l.acked)
	due = pending >= ackEvery || withData && pending >= ackPiggyback || idle && pending > 0
	return l.taken, due
}

func (l *recvLedger) newRun(n int) *run {
	if n <= wire.MaxPayload {
		if r, ok := l.spare.Get().(*run); ok {
			return r
		}
	}
	return &run{buf: make([]byte, max(n, wire.MaxPayload))}
}

func (l *recvLedger) release(r *run) {
	if len(r.buf) == wire.MaxPayload {
		r.r, r.w = 0, 0
		l.spare.Put(r)
	}
}
