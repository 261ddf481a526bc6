package sshclient

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"

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

// whyLost tells a session that the server closed from a connection that ended.
func (c *Client) whyLost() error {
	if err := c.Gone(); err != nil {
		return err
	}
	return ErrNoStatus
}

// Gone says why the connection has ended, as [Client.Err] does, and asks the server
// whether it has: x/crypto ends what runs on a connection before the connection itself.
// Nil means that the server answers.
func (c *Client) Gone() error {
	if c.isClosing() {
		return ErrClosed // Close may still wait for the far side
	}
	_, err := c.signOfLife()
	if err == nil {
		return nil
	}
	if !errors.Is(err, io.EOF) { // a failed write, which x/crypto does not end a connection for
		c.setCause(err)
	}
	c.conn.Close()
	<-c.done
	return c.Err()
}
