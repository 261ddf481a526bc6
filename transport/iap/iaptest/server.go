package iaptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
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

	// Project, Zone, Region, Network and Group, when not empty, are the only ones the
	// relay knows. Another zone or region is HTTP status 404; another project, network
	// or destination group closes with 4033.
	Project, Zone, Region, Network, Group string

	// ClientCAs, if not nil, are the authorities whose certificates a client must
	// present, whatever the host; TLS fails for others.
	ClientCAs *x509.CertPool

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

	// Faults is what goes wrong. Each counts its moments by itself. Those of one
	// moment strike in their order; one that refuses a request is the last of it.
	Faults []Fault

	books  books
	ca     *authority
	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc
	wg     sync.WaitGroup // accept loop, connections, sessions
	armed  []*armed

	mu sync.Mutex
	// guarded by mu
	err      error // why the server could not start
	listener net.Listener
	closed   bool
	backends map[string]map[int]Backend
	conns    map[net.Conn]struct{}
	links    int
	open     map[*link]struct{}
	stale    map[string]bool // tokens that a fault has let expire
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
	ca, err := newAuthority()
	return &Server{
		ca:       ca,
		err:      err,
		backends: make(map[string]map[int]Backend),
		conns:    make(map[net.Conn]struct{}),
		sessions: make(map[string]*session),
		open:     make(map[*link]struct{}),
		stale:    make(map[string]bool),
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ca == nil {
		return s.err
	}
	if s.listener != nil || s.closed {
		return errors.New("iaptest: server started twice or closed")
	}
	s.setDefaults()
	s.listener, s.armed = ln, arm(s.Faults)
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

// Handle says what listens on a port of an instance, of a host, which goes by its
// address or name, or of a workload of Cloud Run. A client that names one without
// any port is closed with 4047, a port without backend with 4003.
func (s *Server) Handle(name string, port int, b Backend) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backends[name] == nil {
		s.backends[name] = make(map[int]Backend)
	}
	s.backends[name][port] = b
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
// good for 127.0.0.1, ::1, localhost, tunnel.cloudproxy.app,
// mtls.tunnel.cloudproxy.app and Cloud Run's REGION.ssh.run.app.
func (s *Server) ClientTLS() *tls.Config {
	return &tls.Config{RootCAs: s.ca.pool(), NextProtos: []string{"http/1.1"}}
}

// CACert returns the certificate of the server's authority as PEM.
func (s *Server) CACert() []byte { return s.ca.pem() }

func (s *Server) isClosed() bool { return s.ctx.Err() != nil }
