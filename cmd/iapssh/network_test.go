package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
)

// An endpoint of Private Service Connect serves Google's APIs as well, and nobody else's; no proxy is asked for it.
func TestAPIsByEndpoint(t *testing.T) {
	endpoint, elsewhere := listen(t), listen(t)
	n, err := newNetwork(config.Plan{PSC: endpoint.Addr().String(), Proxy: config.Proxy{Type: "http", Address: "proxy.invalid", Port: "3128"}})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]net.Listener{
		"oauth2.googleapis.com:443":       endpoint,
		"compute.mtls.googleapis.com:443": endpoint,
		elsewhere.Addr().String():         elsewhere,
	} {
		conn, err := n.dial(t.Context(), "tcp", addr)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		if got := conn.RemoteAddr().String(); got != want.Addr().String() {
			t.Errorf("%s is sought at %s", addr, got)
		}
		conn.Close()
	}
	if _, err := n.dial(t.Context(), "tcp", "googleapis.com.example:443"); err == nil {
		t.Error("a name that is not Google's was led to the endpoint")
	}
}

// idler is a transport with idle connections.
type idler struct {
	http.RoundTripper
	closed *int // how many times they were
}

func (i idler) CloseIdleConnections() { *i.closed++ }

// A relay that another takes the place of leaves no connection with Google, nor do those on its way; what others leave ends by itself.
func TestRelease(t *testing.T) {
	var closed int
	client := &http.Client{Transport: loggedRequests{creds.Certified{With: idler{nil, &closed}, Without: idler{nil, &closed}}, nil}}
	(&relay{inner: &relay{http: client}}).release()
	if closed != 2 {
		t.Errorf("%d of 2 transports", closed)
	}
	if (&network{}).transport(&tls.Config{}).IdleConnTimeout == 0 {
		t.Error("connections are kept for ever")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
