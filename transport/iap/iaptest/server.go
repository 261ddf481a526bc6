package iaptest

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds on what clients can make the server hold or wait for.
const (
	handshakeTimeout = 10 * time.Second // TLS and HTTP
	dialTimeout      = 20 * time.Second // backend
	closeTimeout     = 2 * time.Second  // the client's answer to a close frame, and its FIN
	drainTimeout     = 5 * time.Second  // a backend taking what a client sent before it closed
	confirmTimeout   = 500 * time.Millisecond
	releaseTimeout   = 250 * time.Millisecond // a lost link of a session that is being resumed
	maxHeader        = 64 << 10
	maxConns         = 4096
	maxSessions      = 4096
)

// A Server is an IAP relay on a loopback address or in memory. Its exported
// fields are set before Start and not changed afterwards; its methods may be
// called from any goroutine.
type Server struct {
	// URL is the base URL for clients, "wss://127.0.0.1:PORT/v4" once started,
	// or "wss://tunnel.cloudproxy.app/v4" in memory.
	URL string

	// Authorize judges the bearer token of every connect and reconnect, after
	// the upgrade as the real relay does: false closes with 4033. If nil, every
	// token but the empty one is good.
	Authorize func(token string) bool

	// Project and Zone, when not empty, are the only ones the relay knows. Another
	// project closes with 4033; another zone is HTTP status 404.
	Project, Zone string

	// Window is how many bytes may be under way to the client, sent or about to
	// be, without its ACK, before the relay stops reading the backend; 1.5 MB if 0.
	Window int

	// ReceiveBuffer is how many bytes from the client the relay holds while the
	// backend does not take them, before it stops reading the link; 16 MiB if 0.
	// ACKs count what the backend has taken. Less than the client's own bound on
	// unconfirmed data can deadlock with a backend that echoes, because the
	// client's ACKs then wait behind its data.
	ReceiveBuffer int

	// AckEvery is after how many bytes of data the relay acknowledges at once,
	// 32 KiB if 0; AckDelay is after which time it acknowledges fewer, 50 ms if 0.
	AckEvery int
	AckDelay time.Duration

	// Retention is how long a session outlives its link; 5 minutes if 0.
	Retention time.Duration

	books  books
	ca     *authority
	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc
	wg     sync.WaitGroup // accept loop, connections, sessions

	mu sync.Mutex
	// guarded by mu
	err      error // why the server could not start
	listener net.Listener
	closed   bool
	backends map[string]map[int]Backend
	conns    map[net.Conn]struct{}
	links    int
	sessions map[string]*session
	started  int // sessions
	ended    []SessionInfo
}

// NewServer returns a started server on a port of 127.0.0.1. The caller closes it.
func NewServer() *Server {
	s := NewUnstartedServer()
	s.Start()
	return s
}

// NewUnstartedServer returns a server to be configured and then started.
func NewUnstartedServer() *Server {
	return &Server{
		backends: make(map[string]map[int]Backend),
		conns:    make(map[net.Conn]struct{}),
		sessions: make(map[string]*session),
	}
}

// Start serves on a free port of 127.0.0.1. If that fails URL stays empty, and
// NetDial returns the error.
func (s *Server) Start() {
	if err := s.StartAt("127.0.0.1:0"); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.err = err
	}
}

// StartAt serves on a TCP address of the caller's choice.
func (s *Server) StartAt(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if err := s.start(ln); err != nil {
		ln.Close()
		return err
	}
	s.URL = "wss://" + loopback(ln.Addr()) + "/v4"
	return nil
}

// StartInMemory serves over in-memory connections, which only NetDial opens. It
// may be used inside a testing/synctest bubble.
func (s *Server) StartInMemory() {
	if err := s.start(newPipeListener()); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.err = err
		return
	}
	s.URL = "wss://" + relayHost + "/v4"
}

func (s *Server) start(ln net.Listener) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil || s.closed {
		return errors.New("iaptest: server started twice or closed")
	}
	s.setDefaults()
	s.ca, s.listener = ca, ln
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(func() { s.acceptLoop(ln) })
	return nil
}

func (s *Server) setDefaults() {
	if s.Window <= 0 {
		s.Window = 1500 << 10
	}
	if s.ReceiveBuffer <= 0 {
		s.ReceiveBuffer = 16 << 20
	}
	if s.AckEvery <= 0 {
		s.AckEvery = 32 << 10
	}
	if s.AckDelay <= 0 {
		s.AckDelay = 50 * time.Millisecond
	}
	if s.Retention <= 0 {
		s.Retention = 5 * time.Minute
	}
}

// loopback is the address by which to reach a listener from this machine.
func loopback(addr net.Addr) string {
	a, ok := addr.(*net.TCPAddr)
	if !ok || !a.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(a.Port))
}

// Close ends every link and session, waits for what they have under way (bounded
// where a client is concerned, not where a Serve handler is) and frees the
// address. The books stay readable.
func (s *Server) Close() {
	s.mu.Lock()
	ln := s.listener
	if s.closed || ln == nil {
		s.closed = true
		s.mu.Unlock()
		return
	}
	s.closed = true
	sessions := s.live()
	conns := make([]net.Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()

	ln.Close()
	s.cancel()
	for _, ss := range sessions {
		ss.abort()
	}
	for _, c := range conns {
		c.Close()
	}
	s.wg.Wait()
}

// Handle says what listens on a port of an instance. A client that names an
// instance without any port is closed with 4047, a port without backend with 4003.
func (s *Server) Handle(instance string, port int, b Backend) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backends[instance] == nil {
		s.backends[instance] = make(map[int]Backend)
	}
	s.backends[instance][port] = b
}

// NetDial opens a connection to the server, whatever addr says. It fits the
// dialer of a client.
func (s *Server) NetDial(ctx context.Context, _, _ string) (net.Conn, error) {
	s.mu.Lock()
	ln, err := s.listener, s.err
	s.mu.Unlock()
	switch ln := ln.(type) {
	case nil:
		if err == nil {
			err = errors.New("iaptest: server not started")
		}
		return nil, err
	case *pipeListener:
		return ln.dial(ctx)
	default:
		return new(net.Dialer).DialContext(ctx, "tcp", loopback(ln.Addr()))
	}
}

// ClientTLS returns a configuration that trusts the server. Its certificate is
// good for 127.0.0.1, ::1, localhost, tunnel.cloudproxy.app and
// mtls.tunnel.cloudproxy.app.
func (s *Server) ClientTLS() *tls.Config {
	return &tls.Config{RootCAs: s.ca.pool(), NextProtos: []string{"http/1.1"}}
}

// CACert returns the certificate of the server's authority as PEM.
func (s *Server) CACert() []byte { return s.ca.pem() }

func (s *Server) acceptLoop(ln net.Listener) {
	for {
		c, err := ln.Accept()
		switch {
		case err == nil && s.admit(c):
			s.wg.Go(func() { s.serve(c) })
		case err == nil:
			c.Close()
		case s.ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return
		default: // such as too many open files
			sleep(s.ctx, 10*time.Millisecond)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *Server) admit(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= maxConns {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) forget(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *Server) nextLink() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links++
	return s.links
}

// serve is the life of one connection.
func (s *Server) serve(raw net.Conn) {
	defer s.forget(raw)
	id := s.nextLink()
	raw.SetDeadline(time.Now().Add(handshakeTimeout))
	var seen hello
	conn := tls.Server(raw, s.serverTLS(&seen))
	if err := conn.HandshakeContext(s.ctx); err != nil {
		if slices.Contains(seen.protocols, "h2") {
			s.record(id, Violation{Kind: OfferedH2, Detail: "and nothing the relay speaks"})
		}
		return
	}
	limit := &io.LimitedReader{R: conn, N: maxHeader}
	br := bufio.NewReaderSize(limit, 32<<10)
	r, err := http.ReadRequest(br)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			s.record(id, Violation{Kind: BadRequest, Detail: "unreadable"})
			s.refuse(id, conn, http.StatusBadRequest)
		}
		return
	}
	limit.N = math.MaxInt64
	seen.clientCert = len(conn.ConnectionState().PeerCertificates) > 0

	s.books.event(Event{Link: id, From: Client, Kind: Requested, Text: r.URL.Path})
	req, status, wrong := checkRequest(r, seen)
	for _, v := range wrong {
		s.record(id, v)
	}
	if status == 0 && s.Zone != "" && req.zone != s.Zone {
		status = http.StatusNotFound
	}
	if status != 0 {
		s.refuse(id, conn, status)
		return
	}
	s.books.event(Event{Link: id, From: Relay, Kind: Answered, N: http.StatusSwitchingProtocols})
	if _, err := io.WriteString(conn, switchingProtocols(req.accept)); err != nil {
		return
	}
	raw.SetDeadline(time.Time{})
	newLink(s, id, raw, conn, br, req).serve()
}

func (s *Server) refuse(id int, conn *tls.Conn, status int) {
	s.books.event(Event{Link: id, From: Relay, Kind: Answered, N: int64(status)})
	io.WriteString(conn, refusal(status))
	conn.Close()
}

func (s *Server) record(link int, v Violation) {
	v.Link = link
	s.books.violation(v)
}

// serverTLS writes into seen what the client says first.
func (s *Server) serverTLS(seen *hello) *tls.Config {
	base := &tls.Config{
		Certificates:                []tls.Certificate{s.ca.leaf},
		NextProtos:                  []string{"http/1.1"},
		DynamicRecordSizingDisabled: true,
	}
	base.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		seen.serverName, seen.protocols = h.ServerName, slices.Clone(h.SupportedProtos)
		if h.ServerName != mtlsHost {
			return nil, nil
		}
		mtls := base.Clone()
		mtls.ClientAuth = tls.RequestClientCert
		return mtls, nil
	}
	return base
}

// lookup finds the backend of a target, or says why the session is refused.
func (s *Server) lookup(t target) (Backend, *closing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch ports := s.backends[t.instance]; {
	case s.Project != "" && t.project != s.Project:
		return nil, &closing{codeDenied, "not authorized"}
	case ports == nil:
		return nil, &closing{codeNoInstance, "Failed to lookup instance"}
	case ports[t.port] == nil:
		return nil, &closing{codeNoBackend, "failed to connect to backend"}
	default:
		return ports[t.port], nil
	}
}

func (s *Server) authorized(token string) bool {
	if s.Authorize != nil {
		return s.Authorize(token)
	}
	return token != ""
}

// addSession starts a session, with its first link. It returns nil if the server
// is closed or full.
func (s *Server) addSession(l *link, backend net.Conn) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.sessions) >= maxSessions {
		return nil
	}
	s.started++
	// The SID has what a query must escape: a client that does not is found out.
	sid := fmt.Sprintf("%d/%s+=", s.started, strings.ToLower(rand.Text()))
	ss := newSession(s, s.started, sid, l, backend)
	s.sessions[sid] = ss
	s.wg.Go(ss.run)
	return ss
}

func (s *Server) session(sid string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sid]
}

// bury moves a session that is over from the living to the books.
func (s *Server) bury(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ss.sid)
	if len(s.ended) >= maxEnded {
		s.ended = slices.Delete(s.ended, 0, 1)
	}
	s.ended = append(s.ended, ss.info())
}

// live returns the sessions in the order of their start. The caller holds mu.
func (s *Server) live() []*session {
	all := make([]*session, 0, len(s.sessions))
	for _, ss := range s.sessions {
		all = append(all, ss)
	}
	slices.SortFunc(all, func(a, b *session) int { return a.number - b.number })
	return all
}

func (s *Server) isClosed() bool { return s.ctx.Err() != nil }
