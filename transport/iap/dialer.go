package iap

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/iapssh/iapssh/transport/iap/internal/wire"
)

// dialTimeout bounds a Dial whose context sets no earlier deadline. gcloud waits 60 s for the first message alone.
const dialTimeout = 60 * time.Second

const (
	// maxDials is how many attempts a Dial makes with a relay that is busy. They take half a second, unless it asks for more.
	maxDials = 3
	// maxRetryAfter is how long a busy relay may want to be left alone for a Dial to wait for it.
	maxRetryAfter = 5 * time.Second
)

const (
	// defaultResume is how long an outage may last, as in gcloud.
	defaultResume = 15 * time.Minute
	// defaultLinger is how long a session whose caller has no more to send waits for the VM to say more.
	defaultLinger = 10 * time.Second
)

// Dialer opens sessions. The zero value reaches Google's relay with the environment's proxies and the system's certificates,
// without credentials. Its fields must not change while a Dial runs; one Dialer may serve many, and a Conn keeps a copy of its
// own to resume with.
type Dialer struct {
	// Token gives the access token for one attempt to connect or to resume. refused is a token of its own that the relay has
	// turned down, so that a cached one is dropped; else empty. An error ends the attempts, unless it is a net.Error or has a
	// method Temporary() bool that returns true. Nil, or an empty token, sends no Authorization header.
	Token func(ctx context.Context, refused string) (string, error)
	// NetDial makes TCP connections: to the relay, or to the proxy. Nil: proxy.DialTCP.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy says which proxy (as package proxy has it) leads to the relay, which it is given with scheme https; a nil URL means
	// none. Nil: HTTPS_PROXY, ALL_PROXY and NO_PROXY of the environment.
	Proxy func(relay *url.URL) (*url.URL, error)
	// TLSConfig is the base for the connection to the relay. Nil: the system's certificates. One with a client certificate leads
	// to the relay that asks for it.
	TLSConfig *tls.Config
	// URL replaces the relay that serves the target; of the form wss://HOST[:PORT][/PATH].
	URL string
	// Universe is the domain of the cloud whose relay is meant. Empty: googleapis.com.
	Universe string
	// Endpoint is dialled in the place of the relay's host, and without a proxy: the name or address of an endpoint of Private
	// Service Connect, as HOST or HOST:PORT. TLS and HTTP name the relay all the same.
	Endpoint string
	// UserAgent of the upgrade request. Empty: "iapssh".
	UserAgent string
	// Header goes with the upgrade request, beside what the protocol wants there.
	Header http.Header
	// Resume bounds one outage: how long a session tries to get a new link. 0 means 15 minutes, less than 0 not at all.
	Resume time.Duration
	// Linger is how long a session goes on in silence after CloseWrite. 0 means 10 seconds.
	Linger time.Duration
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
// neither. ctx bounds the dial, not the Conn, which lives until Close. A relay that answers with HTTP status 429 or 503, or hangs up
// on the request, is asked twice more; whatever else fails is not repeated. Every error is a *DialError.
func (d *Dialer) Dial(ctx context.Context, target Target) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	began := time.Now()
	relay, err := d.relay(target)
	if err != nil {
		return nil, &DialError{Stage: StageTarget, Target: target, Err: err}
	}
	for attempt := 1; ; attempt++ {
		late := time.Since(began)
		opened, stage, err := d.open(ctx, relay, target.connectURL(relay), wire.TagConnectSuccess, "")
		opened.phases.delay(late)
		if err == nil {
			opened.phases.Session = time.Since(began)
			return newConn(*d, relay, target, opened), nil
		}
		pause, again := redial(attempt, stage, err, rand.Float64())
		if !again || !d.restBefore(ctx, err, pause) {
			return nil, &DialError{Stage: stage, Target: target, Phases: opened.phases, Err: err}
		}
	}
}

// redial decides whether a dial that has failed in so many attempts makes another, and after what pause: if the relay says that it is
// busy, or hangs up on the request. What else goes wrong would do so again, or is for the caller to wait for. jitter is in [0,1).
func redial(attempts int, stage Stage, err error, jitter float64) (pause time.Duration, again bool) {
	var status *HTTPError
	var hungUp *LinkError
	switch {
	case attempts >= maxDials:
	case errors.As(err, &status) && (status.Status == http.StatusTooManyRequests || status.Status == http.StatusServiceUnavailable):
		again = status.RetryAfter <= maxRetryAfter
		pause = status.RetryAfter
	case stage == StageUpgrade && errors.As(err, &hungUp):
		again = true
	}
	full := minPause << attempts
	return pause + full/2 + time.Duration(jitter*float64(full/2)), again
}

// restBefore waits before another attempt, if there is time for one.
func (d *Dialer) restBefore(ctx context.Context, err error, pause time.Duration) bool {
	if until, bounded := ctx.Deadline(); bounded && time.Until(until) <= pause || ctx.Err() != nil {
		return false
	}
	d.Trace.retry(err, pause)
	return rest(ctx, pause)
}

// relay is the base URL of the relay that is to serve target.
func (d *Dialer) relay(target Target) (*url.URL, error) {
	if err := target.check(); err != nil {
		return nil, err
	}
	if d.URL != "" {
		return relayURL(d.URL)
	}
	certificate := d.TLSConfig != nil && (len(d.TLSConfig.Certificates) > 0 || d.TLSConfig.GetClientCertificate != nil)
	base, err := target.relayFor(d.Universe, certificate)
	if err != nil {
		return nil, err
	}
	return relayURL(base)
}

// Phases says when the steps of a dial were done, counted from its beginning; 0 for those that it did not come to. Token is beside
// the others, which follow each other, as far as TLS. Of several attempts the last one counts. Resolve is about the name that was
// dialled: the relay's, or a proxy's.
type Phases struct {
	Token, Resolve, Connect, TLS, Upgrade, Session time.Duration
}

// delay counts the phases from a time so much earlier.
func (p *Phases) delay(by time.Duration) {
	for _, done := range []*time.Duration{&p.Token, &p.Resolve, &p.Connect, &p.TLS, &p.Upgrade} {
		if *done > 0 {
			*done += by
		}
	}
}

// opened is a link on which the relay has given its verdict.
type opened struct {
	link   *link
	answer wire.Message // the verdict
	token  string       // that the relay took
	phases Phases
}

// open makes a link: url asks for a session or for the resumption of one, and want is the tag of the relay's consent. refused is
// a token that must not be used again. If the relay turns the new token down, opened.token still tells which it was.
func (d *Dialer) open(ctx context.Context, relay *url.URL, url string, want wire.Tag, refused string) (opened, Stage, error) {
	var o opened
	began := time.Now()
	secured, stage, err := d.prepare(ctx, relay, refused, &o)
	if err != nil {
		return o, stage, err
	}
	ws, err := d.upgrade(ctx, secured, url, o.token)
	if err != nil {
		return o, StageUpgrade, err
	}
	o.phases.Upgrade = time.Since(began)
	o.link = newLink(ws, secured)
	o.answer, err = o.link.await(ctx, want)
	d.Trace.session(err)
	return o, StageSession, err
}

// prepare gets the token and the TLS connection side by side. Whichever fails first ends the other.
func (d *Dialer) prepare(ctx context.Context, relay *url.URL, refused string, o *opened) (*frameConn, Stage, error) {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := &tokenRequest{refused: refused, began: time.Now(), done: make(chan struct{})}
	go asked.run(both, d, cancel)
	conn, stage, err := d.reach(both, relay, &o.phases)
	if tokenFailed := both.Err() != nil && ctx.Err() == nil; err != nil && !(tokenFailed && errors.Is(err, context.Canceled)) {
		return nil, stage, err
	}
	select {
	case <-asked.done:
		o.token, o.phases.Token, err = asked.token, asked.took, asked.err
	case <-ctx.Done(): // a token source need not heed its context
		err = ctx.Err()
	}
	if err != nil && conn != nil {
		conn.Close()
	}
	return conn, StageToken, err
}

// reach makes the TLS connection to the relay.
func (d *Dialer) reach(ctx context.Context, relay *url.URL, phases *Phases) (*frameConn, Stage, error) {
	began := time.Now()
	conn, err := d.connect(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(httptrace.DNSDoneInfo) { phases.Resolve = time.Since(began) }, // by package net, in the goroutine that dials
	}), relay)
	if err != nil {
		return nil, StageConnect, err
	}
	phases.Connect = time.Since(began)
	secured, err := d.secure(ctx, conn, relay)
	phases.TLS = time.Since(began)
	return secured, StageTLS, err
}

// tokenRequest is one question to the token source; its fields may be read after done.
type tokenRequest struct {
	refused string
	began   time.Time
	done    chan struct{}
	token   string
	took    time.Duration
	err     error
}

func (r *tokenRequest) run(ctx context.Context, d *Dialer, failed func()) {
	defer close(r.done)
	if d.Token == nil {
		return
	}
	r.token, r.err = d.Token(ctx, r.refused)
	r.took = time.Since(r.began)
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
