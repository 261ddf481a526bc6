package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/iapssh/iapssh/transport/iap/proxy"
	"github.com/iapssh/iapssh/transport/iap/proxy/proxytest"
)

func newProxy(t *testing.T, scheme string, user *url.Userinfo) *proxytest.Server {
	t.Helper()
	p, err := proxytest.New(scheme, user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// trusting gives a dialer that believes the proxy, and would show a client's certificate and a wrong name to whom it should not.
func trusting(p *proxytest.Server) *proxy.Dialer {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.CACert())
	return &proxy.Dialer{TLSConfig: &tls.Config{RootCAs: roots, ServerName: "relay.example", Certificates: make([]tls.Certificate, 1)}}
}

// greeter says hello to each connection.
func greeter(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go greet(l)
	return l.Addr().String()
}

func greet(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		io.WriteString(c, "hello")
		c.Close()
	}
}

func TestDial(t *testing.T) {
	addr := greeter(t)
	for _, scheme := range []string{"http", "https", "socks5", "socks5h"} {
		for name, user := range map[string]*url.Userinfo{"": nil, " with password": url.UserPassword("ali", "open:se@me")} {
			t.Run(scheme+name, func(t *testing.T) {
				p := newProxy(t, scheme, user)
				d := trusting(p)
				conn, err := d.Dial(t.Context(), p.URL, addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
					t.Errorf("read %q, %v", got, err)
				}
				if got := p.Asked(); !slices.Equal(got, []string{addr}) {
					t.Errorf("asked for %q", got)
				}
				stranger := *p.URL
				stranger.User = url.UserPassword("eve", "guess")
				if user == nil {
					return
				}
				var refused *proxy.Error
				if _, err := d.Dial(t.Context(), &stranger, addr); !errors.As(err, &refused) || refused.Proxy != p.URL.Host {
					t.Errorf("a stranger gets %v", err)
				}
			})
		}
	}
}

// A name goes to a socks5h proxy as it is, and to a socks5 proxy as its address.
func TestWhoLooksUp(t *testing.T) {
	_, port, _ := net.SplitHostPort(greeter(t))
	for scheme, want := range map[string][]string{"socks5h": {"localhost"}, "socks5": {"127.0.0.1", "::1"}} {
		p := newProxy(t, scheme, nil)
		conn, err := new(proxy.Dialer).Dial(t.Context(), p.URL, net.JoinHostPort("localhost", port))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		for _, asked := range p.Asked() {
			if host, _, _ := net.SplitHostPort(asked); !slices.Contains(want, host) {
				t.Errorf("%s was asked for %s", scheme, asked)
			}
		}
	}
	if _, err := new(proxy.Dialer).Dial(t.Context(), &url.URL{Scheme: "socks5", Host: "127.0.0.1:1"}, "no-such-host.invalid:443"); err == nil {
		t.Error("a name that does not exist is connected with")
	}
}

// What an HTTP proxy says instead of yes is told apart.
func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		refuse    http.HandlerFunc
		want      proxy.Error
		temporary bool
	}{
		"wants Kerberos": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Proxy-Authenticate", "Negotiate")
			w.Header().Add("Proxy-Authenticate", `Digest realm="x", nonce="y"`)
			w.WriteHeader(http.StatusProxyAuthRequired)
		}, proxy.Error{Status: 407, Schemes: []string{"Negotiate", "Digest"}}, false},
		"portal": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://portal.example/")
			w.WriteHeader(http.StatusFound)
		}, proxy.Error{Status: 302, Location: "http://portal.example/"}, true},
		"forbidden": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, proxy.Error{Status: 403}, false},
		"trouble":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, proxy.Error{Status: 502}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t, "http", nil)
			p.Refuse(tc.refuse)
			_, err := new(proxy.Dialer).Dial(t.Context(), p.URL, "relay.example:443")
			var got *proxy.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if got.Status != tc.want.Status || got.Location != tc.want.Location || !slices.Equal(got.Schemes, tc.want.Schemes) || got.SentAuth || got.Temporary() != tc.temporary {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// An https proxy that nobody vouches for is not handed a password.
func TestUntrustedProxy(t *testing.T) {
	p := newProxy(t, "https", url.UserPassword("ali", "opensesame"))
	_, err := new(proxy.Dialer).Dial(t.Context(), p.URL, "relay.example:443")
	var failed *proxy.Error
	var untrusted *tls.CertificateVerificationError
	if !errors.As(err, &failed) || !errors.As(err, &untrusted) || failed.Temporary() || len(p.Asked()) != 0 {
		t.Errorf("got %v", err)
	}
}

// A context that ends ends the talk with a proxy that says nothing.
func TestSilentProxy(t *testing.T) {
	for _, scheme := range []string{"http", "https", "socks5h"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		accepted := make(chan struct{})
		go func() {
			defer close(accepted)
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1))
			cancel()
			io.Copy(io.Discard, c)
			c.Close()
		}()
		_, err = new(proxy.Dialer).Dial(ctx, &url.URL{Scheme: scheme, Host: l.Addr().String()}, "relay.example:443")
		var failed *proxy.Error
		if !errors.As(err, &failed) {
			t.Errorf("%s: %v", scheme, err)
		}
		l.Close()
		<-accepted
	}
}

func TestUnknownScheme(t *testing.T) {
	_, err := new(proxy.Dialer).Dial(t.Context(), &url.URL{Scheme: "gopher", User: url.UserPassword("ali", "opensesame"), Host: "proxy:70"}, "relay.example:443")
	want := `proxy proxy:70: proxies of type "gopher" are not supported (http, https, socks5 and socks5h are)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
