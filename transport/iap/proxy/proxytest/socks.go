package proxytest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// Methods, commands, kinds of addresses and replies of SOCKS5 (RFC 1928).
const (
	version     = 5
	noAuth      = 0
	password    = 2
	none        = 0xff
	connect     = 1
	ipv4        = 1
	domain      = 3
	ipv6        = 4
	succeeded   = 0
	unreachable = 4
)

func (s *Server) acceptSOCKS() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.serveSOCKS(c) })
	}
}

func (s *Server) serveSOCKS(near net.Conn) {
	defer near.Close()
	defer s.closeLater(near)()
	addr, err := s.negotiate(near)
	if err != nil {
		return
	}
	far, err := s.dial(addr)
	if err != nil {
		near.Write([]byte{version, unreachable, 0, ipv4, 0, 0, 0, 0, 0, 0})
		return
	}
	defer far.Close()
	near.Write([]byte{version, succeeded, 0, ipv4, 0, 0, 0, 0, 0, 0})
	s.join(near, far)
}

// negotiate authenticates a client and reads what it asks for.
func (s *Server) negotiate(c net.Conn) (addr string, err error) {
	offered, err := read(c, 1) // behind the version
	if err != nil {
		return "", err
	}
	method := byte(noAuth)
	if s.user != nil {
		method = password
	}
	if !slices.Contains(offered, method) {
		c.Write([]byte{version, none})
		return "", errors.New("no acceptable method")
	}
	c.Write([]byte{version, method})
	if s.user != nil {
		if err := s.authenticate(c); err != nil {
			return "", err
		}
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(c, head); err != nil || head[1] != connect {
		return "", errors.Join(errors.New("not CONNECT"), err)
	}
	return destination(c, head[3])
}

// authenticate is RFC 1929.
func (s *Server) authenticate(c net.Conn) error {
	name, err := read(c, 1)
	if err != nil {
		return err
	}
	secret, err := read(c, 0)
	if err != nil {
		return err
	}
	want, _ := s.user.Password()
	if string(name) != s.user.Username() || string(secret) != want {
		c.Write([]byte{1, 1})
		return errors.New("wrong credentials")
	}
	_, err = c.Write([]byte{1, succeeded})
	return err
}

// read gives what a length of one byte announces, behind skip bytes.
func read(c net.Conn, skip int) ([]byte, error) {
	head := make([]byte, skip+1)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, err
	}
	body := make([]byte, head[skip])
	_, err := io.ReadFull(c, body)
	return body, err
}

func destination(c net.Conn, kind byte) (string, error) {
	var host string
	switch kind {
	case domain:
		name, err := read(c, 0)
		if err != nil {
			return "", err
		}
		host = string(name)
	case ipv4, ipv6:
		raw := make([]byte, map[byte]int{ipv4: 4, ipv6: 16}[kind])
		if _, err := io.ReadFull(c, raw); err != nil {
			return "", err
		}
		ip, _ := netip.AddrFromSlice(raw)
		host = ip.String()
	default:
		return "", errors.New("unknown kind of address")
	}
	port := make([]byte, 2)
	if _, err := io.ReadFull(c, port); err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port)))), nil
}
