package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/proxy"
)

// network is how Google is reached, relay and APIs alike: whose certificates are believed, and by which proxy or endpoint.
type network struct {
	tls      *tls.Config
	proxies  proxy.Settings
	endpoint string // of Private Service Connect; empty: none
	universe string // domain of the APIs
}

// newNetwork reads what the plan and the environment say of it. Errors are *creds.RootsError and *proxy.SettingError.
func newNetwork(plan config.Plan) (*network, error) {
	n := &network{endpoint: plan.PSC, universe: plan.Universe}
	if n.universe == "" {
		n.universe = "googleapis.com"
	}
	roots, err := creds.Roots(plan.CACertsFile)
	if err != nil {
		return nil, err
	}
	n.tls = &tls.Config{RootCAs: roots}
	n.proxies, err = proxies(plan)
	return n, err
}

// proxies are those of gcloud's properties, else of the environment, whose NO_PROXY limits both.
func proxies(plan config.Plan) (proxy.Settings, error) {
	settings, err := proxy.FromEnvironment(os.Getenv)
	own, wrong := plan.Proxy.URL(plan.ProxyPassword(effects()))
	if own != nil || wrong != nil {
		settings.Proxy, err = own, wrong
	}
	return settings, err
}

// lead makes a dialer go this way to the relay.
func (n *network) lead(d *iap.Dialer) {
	d.TLSConfig, d.Endpoint = n.tls, n.endpoint
	d.Proxy = func(relay *url.URL) (*url.URL, error) { return n.proxies.For(relay.Host), nil }
}

// client is for tokens and APIs.
func (n *network) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: n.dial, TLSClientConfig: n.tls.Clone(), ForceAttemptHTTP2: true}}
}

// dial connects an API's host.
func (n *network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if n.endpoint != "" && strings.HasSuffix(host, "."+n.universe) {
		return proxy.DialTCP(ctx, network, iap.EndpointAddr(n.endpoint, port))
	}
	return (&proxy.Dialer{TLSConfig: n.tls}).Dial(ctx, n.proxies.For(addr), addr)
}
