package iap

import (
	"crypto/tls"
	"net"
	"time"
)

// Trace holds hooks that a Dialer calls as it goes, in the manner of net/http/httptrace. Any may be nil. They must not
// block, and Token may run beside the others; no token is ever handed to one.
type Trace struct {
	// Token is called when the token source has answered.
	Token func(err error)
	// Connect is called when the TCP connection to the relay, through proxy if not empty, is made or has failed.
	Connect func(addr, proxy string, conn net.Conn, err error)
	// TLS is called after the handshake.
	TLS func(state tls.ConnectionState, err error)
	// Upgrade is called when the upgrade request has its answer; status is 0 without one.
	Upgrade func(status int, err error)
	// Session is called with the relay's verdict, the last step of a dial.
	Session func(err error)
	// Lost is called when a session has lost its link and will try to resume; the steps above are called for each attempt.
	Lost func(err error)
	// Retry is called before each attempt to resume, with what ended the link or the last attempt, and the pause before this; and
	// before a dial's second and third attempt.
	Retry func(err error, pause time.Duration)
	// Resumed is called when the session has a link again.
	Resumed func(outage time.Duration)
}

func (t *Trace) token(err error) {
	if t != nil && t.Token != nil {
		t.Token(err)
	}
}

func (t *Trace) connect(addr, proxy string, conn net.Conn, err error) {
	if t != nil && t.Connect != nil {
		t.Connect(addr, proxy, conn, err)
	}
}

func (t *Trace) tls(state tls.ConnectionState, err error) {
	if t != nil && t.TLS != nil {
		t.TLS(state, err)
	}
}

func (t *Trace) upgrade(status int, err error) {
	if t != nil && t.Upgrade != nil {
		t.Upgrade(status, err)
	}
}

func (t *Trace) session(err error) {
	if t != nil && t.Session != nil {
		t.Session(err)
	}
}

func (t *Trace) lost(err error) {
	if t != nil && t.Lost != nil {
		t.Lost(err)
	}
}

func (t *Trace) retry(err error, pause time.Duration) {
	if t != nil && t.Retry != nil {
		t.Retry(err, pause)
	}
}

func (t *Trace) resumed(outage time.Duration) {
	if t != nil && t.Resumed != nil {
		t.Resumed(outage)
	}
}
