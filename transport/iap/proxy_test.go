package iap_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/proxy"
)

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
	dialled = ""
	t.Setenv("HTTPS_PROXY", "http://ali:open sesame@proxy.example")
	var bad *proxy.SettingError
	if err := failedDial(t, d, vm, iap.StageConnect); !errors.As(err, &bad) || dialled != "" {
		t.Errorf("a proxy that is none: %v, dialled %s", err, dialled)
	}
}
