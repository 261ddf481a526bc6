package proxy_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/iapssh/iapssh/transport/iap/proxy"
)

// Where IPv6 leads nowhere and says nothing, IPv4 is taken soon: on the way to a host, and on the way to a proxy.
func TestSilentFamily(t *testing.T) {
	p, host := newProxy(t, "http", nil), greeter(t)
	p.Dial = func(network, _ string) (net.Conn, error) { return net.Dial(network, host) }
	_, port, _ := net.SplitHostPort(p.URL.Host)
	swallow(t, port)
	lookUpBoth(t)
	begin := time.Now()
	direct, err := proxy.DialTCP(t.Context(), "tcp", net.JoinHostPort("both.example", port))
	if err != nil {
		t.Fatal(err)
	}
	direct.Close()
	by, err := new(proxy.Dialer).Dial(t.Context(), &url.URL{Scheme: "http", Host: net.JoinHostPort("both.example", port)}, "relay.example:443")
	if err != nil {
		t.Fatal(err)
	}
	by.Close()
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v: the silent family was waited for", took)
	}
}

// swallow lets nobody get through to a port of ::1: its queue of connections is full, and nobody is told.
func swallow(t *testing.T, port string) {
	t.Helper()
	addr := netip.MustParseAddrPort("[::1]:" + port)
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
	if errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Skip("no IPv6 here")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	err = syscall.Bind(fd, &syscall.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()})
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Skip("no IPv6 here")
	}
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		c, err := net.DialTimeout("tcp", addr.String(), 200*time.Millisecond)
		if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue does not fill")
}

// lookUpBoth makes every name one of ::1 and of 127.0.0.1, for this test.
func lookUpBoth(t *testing.T) {
	t.Helper()
	old := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = old })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerQuestions(theirs)
		return ours, nil
	}}
}

// answerQuestions speaks DNS as over TCP, each message behind its length.
func answerQuestions(c net.Conn) {
	defer c.Close()
	for {
		question := make([]byte, 2+512)
		n, err := c.Read(question)
		if err != nil {
			return
		}
		answer, err := answerQuestion(question[2:n])
		if err != nil {
			return
		}
		c.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...))
	}
}

func answerQuestion(raw []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(raw); err != nil || len(m.Questions) != 1 {
		return nil, errors.Join(err, errors.New("not one question"))
	}
	m.Response, m.Additionals = true, nil
	head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60}
	switch m.Questions[0].Type {
	case dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	case dnsmessage.TypeAAAA:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: netip.IPv6Loopback().As16()}}}
	}
	return m.Pack()
}
