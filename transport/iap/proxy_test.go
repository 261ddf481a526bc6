package iap_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// throughProxy serves handle on loopback for each connection, and gives a function for Dialer.Proxy.
func throughProxy(t *testing.T, scheme, user string, handle func(net.Conn) error) func(*url.URL) (*url.URL, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				if err := handle(c); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	proxy := &url.URL{Scheme: scheme, Host: l.Addr().String()}
	if user != "" {
		proxy.User = url.UserPassword(user, "opensesame")
	}
	return func(relay *url.URL) (*url.URL, error) {
		if relay.Scheme != "https" {
			t.Errorf("asked about a proxy for %s", relay)
		}
		return proxy, nil
	}
}

// join copies both ways until one side ends.
func join(a, b net.Conn) {
	var both sync.WaitGroup
	both.Go(func() { io.Copy(a, b); a.Close() })
	both.Go(func() { io.Copy(b, a); b.Close() })
	both.Wait()
}

// overTLS is an https proxy, with httptest's certificate.
func overTLS(handle func(net.Conn) error) func(net.Conn) error {
	return func(c net.Conn) error {
		secured := tls.Server(c, selfSigned())
		defer secured.Close()
		return handle(secured)
	}
}

// trustingHTTPTest adds the authority of httptest's certificates to cfg.
func trustingHTTPTest(cfg *tls.Config) *tls.Config {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	cfg.RootCAs.AddCert(s.Certificate())
	return cfg
}

func connectProxy(want string) func(net.Conn) error {
	return func(c net.Conn) error {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return err
		}
		if req.Method != http.MethodConnect || req.Header.Get("Proxy-Authorization") != want || req.Header.Get("Authorization") != "" {
			return fmt.Errorf("asked for %s %s with %v", req.Method, req.Host, req.Header)
		}
		relay, err := net.Dial("tcp", req.Host)
		if err != nil {
			return err
		}
		io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		join(c, relay)
		return nil
	}
}

// socksProxy knows user name and password authentication, and CONNECT to an IPv4 address (RFC 1928, 1929).
func socksProxy(c net.Conn) error {
	buf := make([]byte, 512)
	if _, err := io.ReadFull(c, buf[:2]); err != nil {
		return err
	}
	io.ReadFull(c, buf[:buf[1]])
	c.Write([]byte{5, 2})
	io.ReadFull(c, buf[:2])
	user := int(buf[1])
	io.ReadFull(c, buf[:user+1])
	password := make([]byte, buf[user])
	io.ReadFull(c, password)
	if string(password) != "opensesame" {
		return fmt.Errorf("password %q", password)
	}
	c.Write([]byte{1, 0})
	if _, err := io.ReadFull(c, buf[:10]); err != nil || buf[3] != 1 {
		return fmt.Errorf("request % x, %v", buf[:10], err)
	}
	relay, err := net.Dial("tcp", fmt.Sprintf("%d.%d.%d.%d:%d", buf[4], buf[5], buf[6], buf[7], int(buf[8])<<8|int(buf[9])))
	if err != nil {
		return err
	}
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	join(c, relay)
	return nil
}

func TestProxies(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ali:opensesame"))
	for name, tc := range map[string]struct {
		scheme, user string
		handle       func(net.Conn) error
	}{
		"http":               {"http", "", connectProxy("")},
		"http with password": {"http", "ali", connectProxy(basic)},
		"https":              {"https", "ali", overTLS(connectProxy(basic))},
		"socks5":             {"socks5", "ali", socksProxy},
	} {
		t.Run(name, func(t *testing.T) {
			_, d := relay(t, iaptest.Serve(func(c net.Conn) { io.WriteString(c, "through") }))
			d.NetDial = nil
			d.TLSConfig = trustingHTTPTest(d.TLSConfig)
			d.Proxy = throughProxy(t, tc.scheme, tc.user, tc.handle)
			c := dial(t, d)
			if got := readAll(t, c); got != "through" {
				t.Errorf("read %q", got)
			}
			c.Close()
		})
	}
}

func TestProxyRefuses(t *testing.T) {
	refuse := func(c net.Conn) error {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return err
		}
		_, err := io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return err
	}
	d := &iap.Dialer{Proxy: throughProxy(t, "http", "ali", refuse)}
	err := failedDial(t, d, vm, iap.StageConnect)
	var refused *iap.ProxyError
	if !errors.As(err, &refused) || refused.Status != http.StatusProxyAuthRequired {
		t.Errorf("got %v", err)
	}
}

func TestUnknownProxy(t *testing.T) {
	d := &iap.Dialer{Proxy: func(*url.URL) (*url.URL, error) { return url.Parse("gopher://ali:opensesame@proxy:70") }}
	err := failedDial(t, d, vm, iap.StageConnect)
	var refused *iap.ProxyError
	if !errors.As(err, &refused) || refused.Proxy != "proxy:70" {
		t.Errorf("got %v", err)
	}
}

// The environment's settings are followed when Dialer.Proxy is nil; a suffix in NO_PROXY counts.
func TestProxyOfTheEnvironment(t *testing.T) {
	var dialled string
	d := &iap.Dialer{
		URL: "wss://tunnel.example/v4",
		NetDial: func(_ context.Context, _, addr string) (net.Conn, error) {
			dialled = addr
			return nil, errors.New("far enough")
		},
	}
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy", "no_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	t.Setenv("NO_PROXY", "")
	failedDial(t, d, vm, iap.StageConnect)
	if dialled != "proxy.example:3128" {
		t.Errorf("dialled %s", dialled)
	}
	t.Setenv("NO_PROXY", ".example")
	failedDial(t, d, vm, iap.StageConnect)
	if dialled != "tunnel.example:443" {
		t.Errorf("dialled %s", dialled)
	}
}
