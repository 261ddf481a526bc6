package sshclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

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
	switch {
	case key != nil:
		return StageAuth
	case h.hostKey.refused() != nil:
		return StageHostKey
	case h.wire.greeted.Load():
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
	if none, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok {
		return negotiationError(none)
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
