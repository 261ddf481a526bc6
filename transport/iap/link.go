package iap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/iapssh/iapssh/transport/iap/internal/wire"
)

const (
	// closeWait is how long we wait for the relay's close after ours. Leaving earlier, with ACKs unread, makes the kernel send
	// a reset, which can discard the tail of an upload.
	closeWait = time.Second
	// closeFlush is how long a closed link's last bytes, such as the echo of a close frame, may take. It is also how long we
	// still read once writing has failed: the relay may have said why.
	closeFlush = time.Second
	// hangUpWait is how long the relay may take to close the TCP connection once everything is said.
	hangUpWait = 500 * time.Millisecond
	// batchSize is about how much the writer collects for one system call, in bytes.
	batchSize = 64 << 10
)

// session is what a link asks of the session that rides on it. Its methods are called by the link's goroutines.
type session interface {
	// reserve gives memory for the payload of a DATA message about to be read.
	reserve(n int) []byte
	// deliver takes one message. It blocks while the caller reads too slowly; an error ends the link.
	deliver(m wire.Message) error
	// announce tells the caller of what was delivered, since reading will now wait for the network.
	announce()
	// fill hands out messages to send, about batchSize bytes of them. last says that all is sent and nothing will follow.
	fill(send func(msg []byte) error) (n int, last bool, err error)
	// flushed says that what fill handed out has left.
	flushed()
	// release makes a blocked deliver return, since the link is over.
	release()
	// waits says that deliver is blocked, and that bytes are unconfirmed.
	waits() (parked, outstanding bool)
}

// link is one WebSocket: what a session rides on. It knows no byte counts; those are the session's.
//
// Its goroutines belong to serve, which joins them: serve itself reads, write is the only one that writes to the network, and
// pulse watches over the link, with a ping of its own while one is under way.
type link struct {
	ws   *websocket.Conn
	conn *frameConn

	dec  wire.Decoder // the reader's
	long *CloseError  // the reader's: a LONG_CLOSE came, the close frame will follow

	wake    chan struct{} // has a value when the writer has something to look at
	ended   chan struct{} // closed when reading has ended
	drained chan struct{} // closed when the session's last byte has left
	pinged  chan bool     // from ping to pulse: it stayed unanswered
	pinging bool          // pulse's: a ping is under way
	tasks   sync.WaitGroup

	mu        sync.Mutex    // guards the fields below
	broken    error         // what broke the link, seen by the writer or by pulse
	writing   bool          // the writer is inside a system call
	heard     time.Time     // when the last message or pong came
	partway   bool          // a message has begun and is not whole
	moved     time.Time     // when it began, or the last bytes from the network came, if later
	answering bool          // the relay has answered a ping, on this link or one before
	rtt       time.Duration // of the last ping
}

func newLink(ws *websocket.Conn, conn *frameConn) *link {
	return &link{
		ws:      ws,
		conn:    conn,
		wake:    make(chan struct{}, 1),
		ended:   make(chan struct{}),
		drained: make(chan struct{}),
		pinged:  make(chan bool),
		heard:   time.Now(),
	}
}

// await reads the relay's verdict, which is a message with the tag want, or a close. Until then nothing may be sent. An error
// closes the link.
func (l *link) await(ctx context.Context, want wire.Tag) (wire.Message, error) {
	stop := closeOnDone(ctx, l.conn)
	m, err := l.verdict(want)
	if !stop() && err != nil {
		err = ctx.Err()
	}
	if err != nil {
		l.ws.CloseNow()
	}
	return m, err
}

func (l *link) verdict(want wire.Tag) (wire.Message, error) {
	for {
		m, err := l.receive(func(n int) []byte { return make([]byte, n) })
		switch {
		case err != nil:
			return m, l.cause(err, want == wire.TagReconnectSuccess)
		case m.Tag == want:
			return m, nil
		case m.Tag == wire.TagData || m.Tag == wire.TagAck || m.Tag == wire.TagConnectSuccess || m.Tag == wire.TagReconnectSuccess:
			return m, &ProtocolError{Detail: fmt.Sprintf("tag %#04x where %#04x was due", uint16(m.Tag), uint16(want))}
		}
	}
}

// receive reads the next relay message; pings and pongs are dealt with on the way.
func (l *link) receive(room func(n int) []byte) (wire.Message, error) {
	kind, r, err := l.ws.Reader(context.Background())
	if err != nil {
		return wire.Message{}, err
	}
	l.begin()
	if kind != websocket.MessageBinary {
		return wire.Message{}, &ProtocolError{Detail: "text message", code: closeUnsupportedData}
	}
	m, err := l.dec.Decode(r, room)
	if err == nil && m.Tag == wire.TagLongClose {
		l.long = &CloseError{Code: int(m.Code), Reason: m.Reason}
		l.conn.records.Conn.SetReadDeadline(time.Now().Add(closeWait)) // the close itself adds nothing
	}
	l.hear()
	return m, err
}

// serve runs the session over the link until the link ends, and returns why: a *CloseError, a *ProtocolError or a *LinkError.
func (l *link) serve(s session) error {
	l.conn.hold(l.nudge)
	l.conn.records.beforeRead, l.conn.records.afterRead = s.announce, l.move
	l.tasks.Go(func() { l.write(s) })
	l.tasks.Go(func() { l.pulse(s) })
	err := l.cause(l.read(s), true)
	s.announce()
	close(l.ended)
	var broken *ProtocolError
	var lost *LinkError
	switch {
	case errors.As(err, &broken):
		l.bye(broken.closeCode())
	case errors.As(err, &lost):
		l.abort()
	}
	l.ws.CloseNow()
	l.tasks.Wait()
	return err
}

func (l *link) read(s session) error {
	room := s.reserve
	for {
		m, err := l.receive(room)
		if err != nil {
			return err
		}
		if err := s.deliver(m); err != nil {
			return err
		}
	}
}

// write sends what the session and the WebSocket library have to send, until the link is closed. Then it hangs up.
func (l *link) write(s session) {
	defer l.conn.hangUp()
	send := l.send
	for !l.conn.isClosed() {
		n, last, err := s.fill(send)
		if err == nil {
			err = l.flush()
		}
		if err != nil {
			l.failWrite(s, err)
			return
		}
		s.flushed()
		if last {
			l.drain()
		}
		if n == 0 {
			<-l.wake
		}
	}
}

// send appends one message to the batch. It never waits for the network.
func (l *link) send(msg []byte) error {
	return l.ws.Write(context.Background(), websocket.MessageBinary, msg)
}

func (l *link) flush() error {
	l.setWriting(true)
	defer l.setWriting(false)
	return l.conn.flush()
}

// failWrite leaves the reader some time to learn why the relay went.
func (l *link) failWrite(s session, err error) {
	l.breakWith(err)
	s.release()
	l.conn.records.Conn.SetReadDeadline(time.Now().Add(closeFlush))
	for !l.conn.isClosed() {
		<-l.wake
	}
}

// drain tells, once, that the session's last byte has left.
func (l *link) drain() {
	select {
	case <-l.drained:
	default:
		close(l.drained)
	}
}

// nudge makes the writer look for work.
func (l *link) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// bye sends our close frame and waits for the relay's, at most closeWait; then the connection is gone.
func (l *link) bye(code int) {
	abort := time.AfterFunc(closeWait, l.unanswered)
	defer abort.Stop()
	l.ws.Close(websocket.StatusCode(code), "")
}

// unanswered ends a link on which nobody answers our close frame.
func (l *link) unanswered() {
	l.breakWith(errNoGoodbye)
	l.abort()
}

// abort drops the TCP connection, which ends all that is blocked on it.
func (l *link) abort() { l.conn.records.Conn.Close() }

// cause sorts out why reading ended: what the relay said comes before what went wrong with the connection, and that before
// what a decoder made of a message that was cut short by it.
func (l *link) cause(err error, established bool) error {
	if closed := closeError(err); closed != nil {
		closed.Established = established
		if l.long != nil && (closed.Reason == "" || closed.Code == l.long.Code) {
			closed.Code, closed.Reason = l.long.Code, l.long.Reason
		}
		return closed
	}
	l.mu.Lock()
	broken := l.broken
	l.mu.Unlock()
	if broken == nil {
		broken = l.conn.readFailure()
	}
	var format *wire.FormatError
	var protocol *ProtocolError
	switch {
	case errors.As(err, &protocol):
		return protocol
	case broken != nil && l.long != nil:
		l.long.Established = established
		return l.long
	case broken != nil:
		return &LinkError{Err: broken}
	case errors.As(err, &format):
		return &ProtocolError{Detail: "malformed message", Err: err}
	case errors.Is(err, io.EOF):
		return &LinkError{Err: io.ErrUnexpectedEOF}
	default:
		// The library found fault with a frame and has closed with the fitting code.
		return &ProtocolError{Detail: "WebSocket", Err: err}
	}
}

func (l *link) breakWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.broken = err
	}
}
