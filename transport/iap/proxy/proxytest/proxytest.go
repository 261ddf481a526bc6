// Package proxytest serves HTTP, HTTPS and SOCKS5 proxies on loopback for tests, in the manner of net/http/httptest.
//
//	p := proxytest.New("https", url.UserPassword("ali", "opensesame"))
//	defer p.Close()
//	// dial by way of p.URL, trusting p.CACert
//
// They are strict: who does not give the credentials gets nothing, and what a client asked for is remembered. http.go has CONNECT
// (RFC 9110 section 9.3.6), socks.go SOCKS5 (RFC 1928, 1929).
package proxytest

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
)

// Server is a proxy. Its exported fields are set before it is used, and its methods may be called concurrently.
type Server struct {
	// URL is the proxy's address, with the credentials that it wants.
	URL *url.URL
	// Dial connects with what a client asks for. Nil: net.Dial.
	Dial func(network, addr string) (net.Conn, error)

	user     *url.Userinfo
	http     *httptest.Server // of http and https
	listener net.Listener     // of SOCKS
	serving  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	asked  []string
	conns  map[net.Conn]struct{}
	refuse http.HandlerFunc // may be nil
}

// New starts a proxy of scheme http, https, socks5 or socks5h, the last two of which differ for clients alone. With user, a client
// has to give these credentials, and no other does.
func New(scheme string, user *url.Userinfo) (*Server, error) {
	s := &Server{user: user, conns: map[net.Conn]struct{}{}}
	addr := ""
	switch scheme {
	case "http", "https":
		s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serveHTTP))
		s.http.Config.ErrorLog = log.New(io.Discard, "", 0) // a client that breaks off a handshake reports it itself
		if scheme == "https" {
			s.http.StartTLS()
		} else {
			s.http.Start()
		}
		addr = s.http.Listener.Addr().String()
	default:
		var err error
		if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
		addr = s.listener.Addr().String()
		s.serving.Go(s.acceptSOCKS)
	}
	s.URL = &url.URL{Scheme: scheme, User: user, Host: addr}
	return s, nil
}

// CACert is the certificate that an https proxy is trusted by, as PEM.
func (s *Server) CACert() []byte {
	if s.http == nil || s.http.Certificate() == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
}

// Asked gives the addresses that clients with the right credentials asked for, in order.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// Refuse makes an HTTP proxy answer every request with h from now on.
func (s *Server) Refuse(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = h
}

// Close ends the proxy and all that goes through it.
func (s *Server) Close() {
	if s.listener != nil {
		s.listener.Close()
	}
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	if s.http != nil {
		s.http.Close()
	}
	s.serving.Wait()
}

func (s *Server) dial(addr string) (net.Conn, error) {
	s.mu.Lock()
	s.asked = append(s.asked, addr)
	s.mu.Unlock()
	if s.Dial != nil {
		return s.Dial("tcp", addr)
	}
	return net.Dial("tcp", addr)
}

// join copies both ways until one side ends.
func (s *Server) join(a, b net.Conn) {
	defer s.closeLater(a)()
	defer s.closeLater(b)()
	var both sync.WaitGroup
	both.Go(func() { copyAndClose(a, b) })
	both.Go(func() { copyAndClose(b, a) })
	both.Wait()
}

// closeLater has Close close c, until the returned function is called.
func (s *Server) closeLater(c net.Conn) (forget func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	}
}

func copyAndClose(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}
