package iap

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

// dialTimeout bounds a Dial whose context sets no earlier deadline. gcloud waits 60 s for the first message alone.
const dialTimeout = 60 * time.Second

// Dialer opens sessions. The zero value reaches Google's relay with the environment's proxies and the system's certificates,
// without credentials. Its fields must not change while a Dial runs; one Dialer may serve many.
type Dialer struct {
	// Token gives the access token for one attempt. refused is a token of its own that the relay has turned down, so that a
	// cached one is dropped; empty at first. Nil, or an empty token, sends no Authorization header.
	Token func(ctx context.Context, refused string) (string, error)
	// NetDial makes TCP connections: to the relay, or to the proxy. Nil: net.Dialer.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy says which proxy (http, https, socks5) leads to the relay, which it is given with scheme https; a nil URL means
	// none. Nil: HTTPS_PROXY, ALL_PROXY and NO_PROXY of the environment.
	Proxy func(relay *url.URL) (*url.URL, error)
	// TLSConfig is the base for the connection to the relay. Nil: the system's certificates.
	TLSConfig *tls.Config
	// URL replaces DefaultURL; of the form wss://HOST[:PORT][/PATH].
	URL string
	// UserAgent of the upgrade request. Empty: "iapssh".
	UserAgent string
	// Trace, if not nil, is told of each step.
	Trace *Trace
}

func (d *Dialer) userAgent() string {
	if d.UserAgent == "" {
		return "iapssh"
	}
	return d.UserAgent
}

// Dial opens a session with target and returns when the relay has accepted it and the VM's port answers; HTTP's 101 alone says
// neither. ctx bounds the dial, not the Conn, which lives until Close. Every error is a *DialError.
func (d *Dialer) Dial(ctx context.Context, target Target) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	l, stage, err := d.open(ctx, target)
	if err != nil {
		return nil, &DialError{Stage: stage, Target: target, Err: err}
	}
	return newConn(target, l), nil
}

// open makes the link of a new session.
func (d *Dialer) open(ctx context.Context, target Target) (*link, Stage, error) {
	if err := target.check(); err != nil {
		return nil, StageTarget, err
	}
	relay, err := relayURL(d.URL)
	if err != nil {
		return nil, StageTarget, err
	}
	secured, token, stage, err := d.prepare(ctx, relay)
	if err != nil {
		return nil, stage, err
	}
	ws, err := d.upgrade(ctx, secured, target.connectURL(relay), token)
	if err != nil {
		return nil, StageUpgrade, err
	}
	l := newLink(ws, secured)
	err = l.awaitSID(ctx)
	d.Trace.session(err)
	if err != nil {
		return nil, StageSession, err
	}
	return l, "", nil
}

// prepare gets the token and the TLS connection side by side. Whichever fails first ends the other.
func (d *Dialer) prepare(ctx context.Context, relay *url.URL) (*frameConn, string, Stage, error) {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := &tokenRequest{done: make(chan struct{})}
	go asked.run(both, d, cancel)
	conn, stage, err := d.reach(both, relay)
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil, "", stage, err
	}
	select {
	case <-asked.done:
	case <-ctx.Done(): // a token source need not heed its context
		err = ctx.Err()
	}
	if err == nil || ctx.Err() == nil {
		stage, err = StageToken, asked.err
	}
	if err != nil {
		if conn != nil {
			conn.Close()
		}
		return nil, "", stage, err
	}
	return conn, asked.token, "", nil
}

// reach makes the TLS connection to the relay.
func (d *Dialer) reach(ctx context.Context, relay *url.URL) (*frameConn, Stage, error) {
	conn, err := d.connect(ctx, relay)
	if err != nil {
		return nil, StageConnect, err
	}
	secured, err := d.secure(ctx, conn, relay)
	return secured, StageTLS, err
}

// tokenRequest is one question to the token source; its fields may be read after done.
type tokenRequest struct {
	done  chan struct{}
	token string
	err   error
}

func (r *tokenRequest) run(ctx context.Context, d *Dialer, failed func()) {
	defer close(r.done)
	if d.Token == nil {
		return
	}
	r.token, r.err = d.Token(ctx, "")
	d.Trace.token(r.err)
	if r.err != nil {
		failed()
	}
}

// closeError turns the WebSocket library's error for a received close frame into ours; nil if err is no such thing.
func closeError(err error) *CloseError {
	var closed websocket.CloseError
	if !errors.As(err, &closed) {
		return nil
	}
	return &CloseError{Code: int(closed.Code), Reason: closed.Reason}
}
