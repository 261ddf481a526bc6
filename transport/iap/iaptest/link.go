package iaptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// link is one websocket of a client, after the upgrade. Its reader runs in serve,
// its writer in write. The reader never writes: what it has to say it leaves to
// the writer, and pokes it.
type link struct {
	srv  *Server
	id   int
	raw  net.Conn
	conn *tls.Conn
	req  request

	dialing  context.Context // ends when a session is no longer wanted
	cancel   context.CancelFunc
	done     chan struct{} // closed when reading has ended
	frames   frameReader   // the reader's
	incoming counter       // the reader's
	outgoing counter       // the writer's
	shape    shape         // the writer's
	out      []byte        // the writer's
	poked    chan struct{} // holds at most one poke
	hangUp   sync.Once     // the FIN after both close frames

	session atomic.Pointer[session] // set just before the success frame is sent

	mu sync.Mutex
	// guarded by mu
	ponging bool
	pong    []byte   // the payload of the last ping, to be answered
	want    *closing // the close frame to send; the first stays
	sent    bool     // the close frame is sent, or about to be
	got     bool     // the client's close frame has come
	deeds   deeds
}

func newLink(srv *Server, id int, raw net.Conn, conn *tls.Conn, br *bufio.Reader, req request) *link {
	l := &link{
		srv: srv, id: id, raw: raw, conn: conn, req: req, frames: frameReader{br: br},
		done: make(chan struct{}), poked: make(chan struct{}, 1),
		incoming: counter{ahead: at(srv.armed, OnReceived)},
		outgoing: counter{ahead: at(srv.armed, OnSent)},
	}
	l.dialing, l.cancel = context.WithCancel(srv.ctx)
	return l
}

// serve reads the link to its end.
func (l *link) serve() {
	l.srv.linkOpen(l)
	defer l.srv.linkGone(l)
	var writer sync.WaitGroup
	writer.Go(l.write)
	err := l.read()
	l.gone(err)
	l.cancel()
	close(l.done)
	l.raw.Close()
	writer.Wait()
	if s := l.session.Load(); s != nil {
		s.detach(l, true) // if the success frame came after the end of reading
	}
}

// poke makes the writer look at what there is to send.
func (l *link) poke() {
	select {
	case l.poked <- struct{}{}:
	default:
	}
}

func (l *link) event(from Side, kind EventKind, n int64, text string) {
	e := Event{Link: l.id, From: from, Kind: kind, N: n, Text: text}
	if s := l.session.Load(); s != nil {
		e.SID = s.sid
	}
	l.srv.books.event(e)
}

func (l *link) violation(m *misuse) {
	v := Violation{Link: l.id, Kind: m.kind, Detail: m.detail}
	if s := l.session.Load(); s != nil {
		v.SID = s.sid
	}
	l.srv.books.violation(v)
}

// read takes frames until the connection ends, and returns why it did.
func (l *link) read() error {
	for {
		f, err := l.frames.next()
		if !l.hears() {
			return net.ErrClosed
		}
		var wrong *misuse
		if errors.As(err, &wrong) {
			// The frames cannot be told apart any more, its close frame neither.
			l.mu.Lock()
			l.got = true
			l.mu.Unlock()
			l.fail(wrong)
			if _, err = io.Copy(io.Discard, l.conn); err == nil {
				err = io.EOF
			}
			return err
		}
		if err != nil {
			return err
		}
		if errors.As(l.take(f), &wrong) {
			l.fail(wrong)
		}
	}
}

func (l *link) take(f frame) error {
	state := l.closeState()
	if state.cut {
		return nil
	}
	if state.got {
		if f.op == opClose {
			return misusef(SecondClose, 0, "")
		}
		return misusef(FrameAfterClose, 0, "opcode %#x", f.op)
	}
	switch f.op {
	case opPing:
		l.event(Client, Ping, int64(len(f.payload)), "")
		l.answer(f.payload)
	case opPong:
		l.event(Client, Pong, int64(len(f.payload)), "")
	case opClose:
		return l.clientCloses(f.payload)
	case opText:
		return misusef(TextMessage, codeInvalidOp, "%d bytes", len(f.payload))
	default:
		return l.message(f.payload)
	}
	return nil
}

func (l *link) message(p []byte) error {
	s := l.session.Load()
	if s == nil {
		return misusef(BeforeSuccess, codeInvalidData, "%d bytes", len(p))
	}
	m, err := parseMessage(p)
	if err != nil {
		return err
	}
	if m.rest > 0 {
		l.violation(misusef(TrailingBytes, 0, "%d", m.rest))
	}
	if m.tag == tagAck {
		l.event(Client, Ack, int64(m.ack), "")
		return s.acknowledge(l, m.ack)
	}
	l.event(Client, Data, int64(len(m.data)), "")
	return l.receive(s, m.data)
}

// receive hands data to the session, up to the next fault and then the rest.
func (l *link) receive(s *session, p []byte) error {
	for {
		n := min(int64(len(p)), l.incoming.room())
		if n > 0 {
			if err := s.receive(l, p[:n]); err != nil {
				return err
			}
		}
		l.incoming.n += n
		l.strikeDue(l.incoming.due())
		if p = p[n:]; len(p) == 0 {
			return nil
		}
	}
}

// answer leaves a pong to the writer. A later ping replaces one not yet answered
// (RFC 6455 section 5.5.3), so pings cannot pile up.
func (l *link) answer(payload []byte) {
	l.mu.Lock()
	l.ponging, l.pong = true, append(l.pong[:0], payload...)
	l.mu.Unlock()
	l.poke()
}
