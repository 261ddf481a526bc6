package iaptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
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
		if !errors.Is(err, io.EOF) && limit.N < maxHeader { // who has said nothing yet may leave, or be waited for in vain
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
	if status == 0 && (!known(req.place.zone, s.Zone) || !known(req.place.region, s.Region)) {
		status = http.StatusNotFound
	}
	if status != 0 {
		s.refuse(id, conn, status)
		return
	}
	l := newLink(s, id, raw, conn, br, req)
	raw.SetDeadline(time.Time{})
	answer, ok := l.strikeRequest()
	if !ok {
		return
	}
	s.books.event(Event{Link: id, From: Relay, Kind: Answered, N: http.StatusSwitchingProtocols})
	if _, err := io.WriteString(conn, answer); err != nil {
		return
	}
	l.serve()
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
	if s.ClientCAs != nil {
		base.ClientCAs, base.ClientAuth = s.ClientCAs, tls.RequireAndVerifyClientCert
	}
	base.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		seen.serverName, seen.protocols = h.ServerName, slices.Clone(h.SupportedProtos)
		if h.ServerName != mtlsHost || s.ClientCAs != nil {
			return nil, nil
		}
		mtls := base.Clone()
		mtls.ClientAuth = tls.RequestClientCert
		return mtls, nil
	}
	return base
}
