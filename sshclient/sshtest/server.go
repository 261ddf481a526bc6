package sshtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Server is an SSH server. Set the exported fields before Start or ServeConn, not
// after.
//
// Goroutines: serve per listener, ServeConn per connection, and those of each
// session; Close ends and joins all of them.
type Server struct {
	HostKeys       []ssh.Signer    // NewServer makes an Ed25519 key
	AuthorizedKeys []ssh.PublicKey // who may log in, under any user name
	// Authorize judges the keys that AuthorizedKeys has not; nil lets none of them in. It may be called concurrently.
	Authorize   func(ssh.PublicKey) bool
	AllowAll    bool       // let everybody in, without authentication
	Password    string     // lets in who says it; empty: nobody
	Questions   []Question // let in who answers all of them; asked at once, none: nobody
	Instruction string     // said before the questions
	Methods     []string   // further methods to name as possible: all are refused

	// Steps are the methods that have to succeed one after the other, by their
	// names in the protocol. Nil means that any one is enough.
	Steps []string

	Banner     string   // sent before authentication
	RefusePTY  bool     // refuse terminals
	RefuseExec bool     // refuse exec, shell and subsystem requests
	RefuseOpen bool     // refuse sessions and connections
	Shell      []string // the login shell and its arguments; empty means the machine's
	Env        []string // environment of commands, added to this process's
	Dir        string   // working directory of commands; empty means this process's

	// Penalties, if not nil, is what failed logins are held against.
	Penalties *Penalties

	// Ciphers, KeyExchanges and MACs restrict what is offered; nil means x/crypto's defaults.
	Ciphers, KeyExchanges, MACs []string

	// RekeyThreshold is the number of bytes after which the server starts a key
	// exchange; 0 means x/crypto's default.
	RekeyThreshold uint64

	// Handler serves sessions instead of a command of this machine. It returns
	// when the session shall end.
	Handler func(*Session) Exit

	// Addr is the listener's address, set by Start.
	Addr string

	listener net.Listener
	work     sync.WaitGroup

	mu     sync.Mutex
	closed bool                  // guarded by mu
	conns  map[net.Conn]struct{} // guarded by mu
	logins []Login               // guarded by mu
}

// Login is a successful authentication.
type Login struct {
	User string
	Key  ssh.PublicKey // nil with AllowAll
}

// Question is one that the server asks (RFC 4256).
type Question struct {
	Text, Answer string
	Echo         bool
}

// NewServer returns a server with a fresh Ed25519 host key, which lets nobody in yet.
func NewServer() *Server {
	return &Server{HostKeys: []ssh.Signer{NewKey()}}
}

// NewKey returns a fresh Ed25519 key.
func NewKey() ssh.Signer {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		panic(err) // an Ed25519 key is always accepted
	}
	return signer
}

// Start listens on a free port of the loopback interface, and serves until Close.
// It panics if it cannot listen, as httptest does.
func (s *Server) Start() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		listener, err = net.Listen("tcp6", "[::1]:0")
	}
	if err != nil {
		panic("sshtest: cannot listen: " + err.Error())
	}
	s.listener, s.Addr = listener, listener.Addr().String()
	s.work.Add(1)
	go s.serve()
}

func (s *Server) serve() {
	defer s.work.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.work.Add(1)
		go s.serveAccepted(conn)
	}
}

func (s *Server) serveAccepted(conn net.Conn) {
	defer s.work.Done()
	s.ServeConn(conn)
}

// Close ends all connections, kills their commands, and returns when all
// goroutines have ended.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.work.Wait()
}

// Logins returns who has logged in so far.
func (s *Server) Logins() []Login {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Login(nil), s.logins...)
}

// HostKey returns the public half of the first host key.
func (s *Server) HostKey() ssh.PublicKey { return s.HostKeys[0].PublicKey() }

// track notes an open connection; it refuses one that comes after Close.
func (s *Server) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.conns == nil {
		s.conns = make(map[net.Conn]struct{})
	}
	s.conns[conn] = struct{}{}
	s.work.Add(1)
	return true
}

func (s *Server) untrack(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	s.work.Done()
}

// admit makes the connection, and authenticates the client.
func (s *Server) admit(conn net.Conn) (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	config := s.config()
	if s.Penalties == nil {
		return ssh.NewServerConn(conn, config)
	}
	attempted := s.Penalties.watch(config)
	sshConn, chans, reqs, err := ssh.NewServerConn(conn, config)
	if err != nil {
		s.Penalties.add(*attempted)
	}
	return sshConn, chans, reqs, err
}

// ServeConn serves one connection over any net.Conn, and returns when it has
// ended: the client hung up, its authentication failed, or Close was called.
func (s *Server) ServeConn(conn net.Conn) error {
	if !s.track(conn) {
		conn.Close()
		return net.ErrClosed
	}
	defer s.untrack(conn)
	if s.Penalties != nil && s.Penalties.refuses(conn) {
		return errRefused
	}
	sshConn, chans, reqs, err := s.admit(conn)
	if err != nil {
		return err
	}
	var key ssh.PublicKey
	if sshConn.Permissions != nil {
		key, _ = ssh.ParsePublicKey([]byte(sshConn.Permissions.Extensions[keyExtension]))
	}
	s.mu.Lock()
	s.logins = append(s.logins, Login{User: sshConn.User(), Key: key})
	s.mu.Unlock()

	var sessions sync.WaitGroup
	forwards := &forwarder{conn: sshConn, work: &sessions, listeners: map[string]net.Listener{}}
	sessions.Add(1)
	go forwards.serveRequests(reqs)
	for ch := range chans {
		if s.RefuseOpen {
			ch.Reject(ssh.Prohibited, "refused")
			continue
		}
		if ch.ChannelType() != "session" {
			sessions.Add(1)
			go forwards.connect(ch)
			continue
		}
		channel, requests, err := ch.Accept()
		if err != nil {
			continue
		}
		sessions.Add(1)
		go newSession(s, sshConn, channel).serve(requests, &sessions)
	}
	sessions.Wait()
	return nil
}
