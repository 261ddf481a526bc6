package main

import (
	"net"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
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

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
