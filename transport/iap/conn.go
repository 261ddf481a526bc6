package iap

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"time"
)

const (
	// ackIdle is how long taken bytes stay unacknowledged when nothing else is sent. gcloud takes 2 s.
	ackIdle = 200 * time.Millisecond
	// closePatience bounds Close.
	closePatience = 2 * time.Second
)

// Conn is one session with the relay, and with it one TCP connection from the relay to the VM. It holds the contract of
// net.Conn: its methods may be called concurrently, deadlines are errors with Timeout() true after which the Conn still works,
// and Close unblocks everything.
//
// A session outlives the link it rides on: when the network goes, callers only wait while the session is resumed (resume.go), and
// no byte is lost or doubled. The protocol knows no half-close: see CloseWrite.
//
// What goes on inside: run, one goroutine, serves one link after the other and records how the session ended; a link adds a
// writer and a watcher. All are gone when Close returns.
type Conn struct {
	dialer Dialer // to resume with
	relay  *url.URL
	target Target
	sid    string
	local  net.Addr
	phases Phases
	token  string // run's: the last one that was used

	life   context.Context // ends with Close, to interrupt a resume
	cancel context.CancelFunc
	ended  chan struct{} // closed when run returns

	writeMu sync.Mutex // held for a whole Write, so that concurrent ones do not interleave

	mu       sync.Mutex // guards all below
	readable *sync.Cond // bytes came, or something ended or expired
	writable *sync.Cond // room came, or bytes were confirmed, or something ended or expired
	unparked *sync.Cond // the caller read, or closed, or the link is over

	link      *link // the present one, or the last
	downSince time.Time
	resumes   int
	send      sendLedger
	recv      recvLedger
	counts    counts
	parked    bool // deliver waits for unparked
	released  bool // it shall not: the link is over

	ack      [10]byte // memory for an ACK
	ackNow   bool     // taken bytes have waited for ackIdle
	ackTimer *time.Timer
	ackArmed bool

	readBy  deadline
	writeBy deadline
	linger  lingering
	closed  bool  // by Close
	hurried bool  // by Hurry
	err     error // the session's end, the first reason; nil while it lives
}

func newConn(d Dialer, relay *url.URL, target Target, o opened) *Conn {
	c := &Conn{
		dialer: d, relay: relay, target: target, sid: o.answer.SID, token: o.token, phases: o.phases,
		link: o.link, local: o.link.conn.LocalAddr(), ended: make(chan struct{}),
	}
	c.life, c.cancel = context.WithCancel(context.Background())
	c.readable = sync.NewCond(&c.mu)
	c.writable = sync.NewCond(&c.mu)
	c.unparked = sync.NewCond(&c.mu)
	c.ackTimer = time.AfterFunc(time.Hour, c.ackIsIdle)
	c.ackTimer.Stop()
	go c.run(o.link)
	return c
}

// finish records the end of the session.
func (c *Conn) finish(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(err)
}

// end is finish with the lock held.
func (c *Conn) end(err error) {
	if c.linger.over {
		err = &CloseError{Code: CloseNormal, Established: true} // our own end, whatever the relay made of it
	}
	if c.err == nil {
		c.err = err
	}
	c.ackTimer.Stop()
	c.linger.stop()
	c.cancel()
	c.wakeAll()
}

func (c *Conn) wakeAll() {
	c.readable.Broadcast()
	c.writable.Broadcast()
	c.unparked.Broadcast()
}

// Read reads what the VM sent. Bytes that came before the session ended are delivered first; then it returns io.EOF if the
// relay closed the session with code 1000, else the session's error (see LinkError, CloseError, ProtocolError, and DialError for one that
// could not be resumed) in a *net.OpError.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.opError("read", net.ErrClosed)
		case c.readBy.passed:
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case c.recv.waiting() > 0:
			n := c.recv.take(p)
			c.tookBytes()
			return n, nil
		case c.err != nil:
			return 0, c.readError()
		}
		c.readable.Wait()
	}
}

// tookBytes follows a take: an ACK may be due, or the reader may go on.
func (c *Conn) tookBytes() {
	if _, due := c.recv.ackDue(false, false); due {
		c.link.nudge()
	} else if !c.ackArmed {
		c.ackArmed = true
		c.ackTimer.Reset(ackIdle)
	}
	if c.parked && c.recv.waiting() <= maxWaiting/2 {
		c.unparked.Signal()
	}
}

// ackIsIdle runs when the ACK timer fires.
func (c *Conn) ackIsIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ackArmed = false
	c.ackNow = true
	c.link.nudge()
}

func (c *Conn) readError() error {
	var closed *CloseError
	var unresumed *DialError // what the relay had not delivered by then is lost, so that is no end of file
	if errors.As(c.err, &closed) && closed.Code == CloseNormal && !errors.As(c.err, &unresumed) {
		return io.EOF
	}
	return c.opError("read", c.err)
}

// Write takes p for sending. It returns when all of p is queued, of which a bounded part has not left yet: an error of a later
// call may concern bytes of an earlier one.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed || c.linger.begun:
			return n, c.opError("write", net.ErrClosed)
		case c.writeBy.passed:
			return n, c.opError("write", os.ErrDeadlineExceeded)
		case c.err != nil:
			return n, c.opError("write", c.err)
		case n == len(p):
			return n, nil
		}
		if m := c.send.append(p[n:]); m > 0 {
			n += m
			c.link.nudge()
			continue
		}
		c.writable.Wait()
	}
}

// Close ends the session: what Write has taken is sent, then a close frame with code 1000, and the relay's own close is awaited.
// If the link breaks before that, the session is resumed to finish. All of it takes at most 2 s, and 1 s for a relay that does not
// answer. Callers blocked in other methods return at once with net.ErrClosed. A second Close does nothing but wait for the first
// and returns net.ErrClosed. A caller that wants to be sure that everything arrived waits for Unconfirmed to become 0 first, or
// calls CloseWrite and reads to the end.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		<-c.ended
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	c.readBy.stop()
	c.writeBy.stop()
	c.wakeAll()
	c.link.nudge()
	if !c.downSince.IsZero() && (c.hurried || c.send.confirmed == c.send.written) {
		c.cancel() // no link, and nothing to get one for
	}
	c.mu.Unlock()

	patience := time.AfterFunc(closePatience, c.giveUp)
	defer patience.Stop()
	<-c.ended
	return nil
}

// Hurry has a Close, begun or to come, not wait for a link: without one it is at once, and what was not delivered is lost. The
// relay then notices by itself that the session is over. With a link, Close is as ever.
func (c *Conn) Hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hurried = true
	if c.closed && !c.downSince.IsZero() {
		c.cancel()
	}
}

// giveUp ends a Close that takes too long.
func (c *Conn) giveUp() {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link.abort()
}

// ending says that nothing more will be written, so that the link's writer may say goodbye when all is sent. The lock is held.
func (c *Conn) ending() bool { return c.closed || c.linger.over }

// LocalAddr gives the local address of the connection to the relay.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr gives the target, an Addr.
func (c *Conn) RemoteAddr() net.Addr { return Addr{c.target} }

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "iap", Source: c.local, Addr: Addr{c.target}, Err: err}
}
