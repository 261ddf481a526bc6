package sshclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Client is an authenticated SSH connection. Its methods may be called from
// several goroutines. It runs serveRequests, serveChannels, wait and, with
// ServerAliveInterval, watchServer and askServer; all end with the connection.
type Client struct {
	conn    ssh.Conn
	wire    *wire
	host    string
	trust   HostTrust
	verdict Verdict
	login   Login
	logTo   func(Level, string)

	joined    bool         // another process holds the connection, see Join
	told      toldLink     // what that one says of its link
	agentPath string       // of the agent to forward; empty: none
	agentUses atomic.Int32 // how many are open

	forwards       *Forwards
	serverChannels atomic.Int32               // how many the server has open
	x11            atomic.Pointer[x11Forward] // set by the first session that wants it

	asks chan struct{}  // from watchServer to askServer
	done chan struct{}  // closed when the connection has ended
	work sync.WaitGroup // the client's goroutines and those of its sessions' requests

	mu      sync.Mutex
	closing bool  // guarded by mu; Close was called, and nothing is added to work
	cause   error // guarded by mu; why the connection ended: the first reason sticks
}

// Handshake exchanges keys over conn, has the server's key judged by
// cfg.Trust, and authenticates. ctx bounds all of it; Close of the client bounds
// what follows. conn belongs to the client from here on, and is closed if
// Handshake fails. The error is an *[AlgorithmsError], before anything was sent,
// or a *[HandshakeError].
func Handshake(ctx context.Context, conn net.Conn, cfg Config) (*Client, error) {
	conf, ignored, err := cfg.clientConfig()
	if err != nil {
		conn.Close()
		return nil, err
	}
	h := newHandshake(ctx, conn, cfg, conf)
	for _, name := range ignored {
		h.log(Debug1, "algorithm %s is not supported, ignored", name)
	}
	defer h.auth.close()
	sshConn, chans, reqs, err := h.run()
	if err != nil {
		return nil, &HandshakeError{Host: cfg.Host, Stage: h.stage(), Err: h.reason(err)}
	}
	_, verdict := h.hostKey.accepted()
	c := &Client{
		conn: watchIdle(sshConn, cfg.ChannelTimeouts, h.log), wire: h.wire, host: cfg.Host, trust: cfg.Trust, verdict: verdict, login: h.auth.login(), logTo: cfg.Log,
		asks: make(chan struct{}, 1), done: make(chan struct{}),
	}
	c.forwards = newForwards(c, cfg.Forwards)
	if !verdict.Degraded {
		c.agentPath = cfg.ForwardAgent
	}
	c.start(cfg, chans, reqs)
	return c, nil
}

// Login says how the user was authenticated.
func (c *Client) Login() Login { return c.login }

// Key is the public key that the user was authenticated by, "TYPE BASE64"; empty if it was by other means.
func (c *Client) Key() string {
	if c.login.Key == nil {
		return ""
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(c.login.Key)))
}

// handshake is the state of one Handshake call.
type handshake struct {
	ctx     context.Context
	cfg     Config
	conf    *ssh.ClientConfig
	wire    *wire
	hostKey *hostKeyMemo
	auth    *authenticator
	kexTime *time.Timer              // closes the conn; stopped by the server's host key
	shown   int                      // bytes of banner
	live    atomic.Pointer[ssh.Conn] // set when authenticated
	logTo   func(Level, string)

	mu       sync.Mutex
	timedOut bool // guarded by mu
}

func newHandshake(ctx context.Context, conn net.Conn, cfg Config, conf *ssh.ClientConfig) *handshake {
	h := &handshake{ctx: ctx, cfg: cfg, conf: conf, logTo: cfg.Log, wire: &wire{Conn: conn, start: time.Now()}}
	if cfg.Trace != nil {
		h.wire.sniffer.line = cfg.Trace.Line
	}
	h.hostKey = &hostKeyMemo{ctx: ctx, trust: cfg.Trust, host: cfg.Host, asking: h.beforeJudging, trusted: cfg.Trace.accepted, exchange: h.logHostKey, taken: h.logExchange}
	h.auth = newAuthenticator(ctx, cfg, h.log)
	h.auth.broken, h.auth.degraded, h.auth.proof = h.wire.broken, h.hostKey.degraded, h.wire.proof
	conf.HostKeyCallback = h.hostKey.check
	conf.BannerCallback = h.banner
	conf.AuthCallback = h.auth.next
	return h
}

// run performs the handshake under the context's and KexTimeout's bounds, which
// act by closing the conn: x/crypto has no others.
func (h *handshake) run() (ssh.Conn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	if h.cfg.KexTimeout > 0 {
		h.kexTime = time.AfterFunc(h.cfg.KexTimeout, h.timeOut)
		defer h.kexTime.Stop()
	}
	release := context.AfterFunc(h.ctx, h.abort)
	h.log(Debug1, "Local version string %s", h.conf.ClientVersion)
	conn, chans, reqs, err := ssh.NewClientConn(h.wire, h.cfg.Host, h.conf)
	if err != nil {
		release()
		return nil, nil, nil, err
	}
	if !release() { // the context ended at the last moment
		conn.Close()
		go ssh.DiscardRequests(reqs)
		for ch := range chans {
			ch.Reject(ssh.Prohibited, "")
		}
		return nil, nil, nil, h.ctx.Err()
	}
	h.auth.greet(conn, conn.(ssh.AlgorithmsConnMetadata).Algorithms()) // unless "none" was refused
	h.live.Store(&conn)
	h.log(Verbose, "Authenticated to %s (%s) using %q.", h.cfg.Host, way(conn.RemoteAddr()), h.auth.method())
	return conn, chans, reqs, nil
}

// way is an address as ssh's messages have it.
func way(remote net.Addr) string {
	if tcp, ok := remote.(*net.TCPAddr); ok {
		return fmt.Sprintf("[%s]:%d", tcp.IP, tcp.Port)
	}
	return "via proxy"
}

func (h *handshake) abort() { h.wire.Close() }

func (h *handshake) timeOut() {
	h.mu.Lock()
	h.timedOut = true
	h.mu.Unlock()
	h.wire.Close()
}

func (h *handshake) stopKexTimer() {
	if h.kexTime != nil {
		h.kexTime.Stop()
	}
}

// stage says how far a handshake that failed had come.
func (h *handshake) stage() Stage {
	key, _ := h.hostKey.accepted()
	_, heard := h.wire.heard()
	switch {
	case key != nil:
		return StageAuth
	case h.hostKey.refused() != nil:
		return StageHostKey
	case heard:
		return StageKex
	default:
		return StageBanner
	}
}

// reason finds the cause behind x/crypto's error: what we ended the handshake for
// ourselves comes before what that looked like from inside.
func (h *handshake) reason(err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if cause := context.Cause(h.ctx); cause != nil {
		return cause
	}
	if h.timedOut {
		return context.DeadlineExceeded
	}
	if refusal := h.hostKey.refused(); refusal != nil {
		return refusal
	}
	if denied := h.auth.denied(); denied != nil {
		return denied
	}
	if inner := errors.Unwrap(err); inner != nil { // less x/crypto's "handshake failed"
		return inner
	}
	return err
}

// maxBanner bounds what a server may have shown before authentication; OpenSSH
// cuts a banner there.
const maxBanner = 64 << 10

// banner shows the server's text. x/crypto calls it in Handshake's goroutine.
func (h *handshake) banner(text string) error {
	if left := maxBanner - h.shown; h.cfg.Banner != nil && left > 0 {
		h.shown += min(len(text), left)
		h.cfg.Banner(visible(text, left))
	}
	return nil
}

// beforeJudging is called when the key of the first exchange is about to be judged.
func (h *handshake) beforeJudging(key ssh.PublicKey) {
	h.stopKexTimer()
	h.cfg.Trace.hostKey(key)
}

// logHostKey notes the key that the server came with, at each key exchange.
func (h *handshake) logHostKey(key ssh.PublicKey) {
	h.log(Debug1, "Server host key: %s %s", key.Type(), ssh.FingerprintSHA256(key))
}

// logExchange notes a key exchange that goes through: the first, of which x/crypto
// tells more only at authentication, and each later one.
func (h *handshake) logExchange() {
	if conn := h.live.Load(); conn != nil {
		// x/crypto is in the exchange, in this goroutine: these are the new ones.
		logNegotiated(h.log, (*conn).(ssh.AlgorithmsConnMetadata).Algorithms())
	}
	h.log(Debug1, "SSH2_MSG_NEWKEYS sent")
}

func (h *handshake) log(level Level, format string, args ...any) {
	logf(h.logTo, level, format, args...)
}

func logf(to func(Level, string), level Level, format string, args ...any) {
	if to != nil {
		to(level, visibleLine(fmt.Sprintf(format, args...), 4096))
	}
}

// start starts the client's goroutines.
func (c *Client) start(cfg Config, chans <-chan ssh.NewChannel, reqs <-chan *ssh.Request) {
	c.work.Add(3)
	go c.serveChannels(chans)
	go c.serveRequests(reqs)
	go c.wait()
	if cfg.ServerAliveInterval > 0 {
		limit := cfg.ServerAliveCountMax
		if limit == 0 {
			limit = 3
		}
		c.work.Add(2)
		go c.watchServer(aliveness{interval: cfg.ServerAliveInterval, max: limit})
		go c.askServer()
	}
}

// serveRequests answers the server's global requests. Those we do not know are
// refused, which is also the answer to its keepalives.
func (c *Client) serveRequests(reqs <-chan *ssh.Request) {
	defer c.work.Done()
	learned := false
	for req := range reqs {
		if req.Type == hostKeysOffer && !learned && c.trust != nil && !c.verdict.Degraded {
			learned = true
			c.work.Add(1)
			go c.learnHostKeys(req.Payload)
		}
		if req.Type == LinkRequest && c.joined {
			c.told.note(req.Payload)
		}
		req.Reply(false, nil)
	}
}

// wait notices the end of the connection.
func (c *Client) wait() {
	defer c.work.Done()
	cause := c.conn.Wait()
	if c.joined {
		cause = ErrMasterGone
	}
	c.setCause(cause)
	close(c.done)
	c.forwards.close()
}

func (c *Client) setCause(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = err
	}
}

// fail ends the connection for the given reason.
func (c *Client) fail(cause error) {
	c.setCause(cause)
	c.conn.Close()
}

// begin adds one goroutine to those that Close waits for, unless it is already waiting.
func (c *Client) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		c.work.Add(1)
	}
	return !c.closing
}

func (c *Client) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the connection ended: ErrClosed, ErrServerSilent, io.EOF when the
// server hung up, else the net.Conn's error or what x/crypto found wrong; of a
// joined connection ErrClosed or ErrMasterGone. It is nil while the connection lives.
func (c *Client) Err() error {
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.cause
	default:
		return nil
	}
}

// Verdict returns what HostTrust said of the server.
func (c *Client) Verdict() Verdict { return c.verdict }

// Close ends the connection, all sessions on it and all forwards, and returns when the client's
// goroutines have ended.
func (c *Client) Close() error {
	c.setCause(ErrClosed)
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	err := c.conn.Close()
	c.work.Wait()
	return err
}

func (c *Client) log(level Level, format string, args ...any) { logf(c.logTo, level, format, args...) }
