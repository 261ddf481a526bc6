package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/proxy"
)

// network is how Google is reached, relay and APIs alike: whose certificates are believed, which is shown, and by which proxy or
// endpoint.
type network struct {
	tls      *tls.Config
	shown    *tls.Config // with this device's certificate; nil: none is shown
	proxies  proxy.Settings
	endpoint string // of Private Service Connect; empty: none
	universe string // domain of the APIs
}

const publicUniverse = "googleapis.com"

// newNetwork reads what the plan and the environment say of it. Errors are *creds.RootsError,
// *creds.NoMTLSHostError and *proxy.SettingError.
func newNetwork(plan config.Plan) (*network, error) {
	n := &network{endpoint: plan.PSC, universe: plan.Universe}
	if n.universe == "" {
		n.universe = publicUniverse
	}
	roots, err := creds.Roots(plan.CACertsFile)
	if err != nil {
		return nil, err
	}
	n.tls = &tls.Config{RootCAs: roots}
	if from := plan.ClientCertificate; from.Use {
		if n.universe != publicUniverse {
			return nil, &creds.NoMTLSHostError{Host: n.universe}
		}
		n.shown = creds.GetClientCertificate(creds.CertificateFiles{Config: from.Config, Metadata: from.Metadata}).Configure(n.tls)
	}
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
	if n.shown != nil {
		d.TLSConfig = n.shown
	}
	d.Proxy = func(relay *url.URL) (*url.URL, error) { return n.proxies.For(relay.Host), nil }
}

// client is for tokens and APIs.
func (n *network) client() *http.Client {
	c := &http.Client{Transport: n.transport(n.tls)}
	if n.shown != nil {
		c.Transport = creds.Certified{With: n.transport(n.shown), Without: c.Transport}
	}
	return c
}

// idleLife is how long a connection is kept for further requests.
const idleLife = 90 * time.Second

func (n *network) transport(cfg *tls.Config) *http.Transport {
	return &http.Transport{DialContext: n.dial, TLSClientConfig: cfg.Clone(), ForceAttemptHTTP2: true, IdleConnTimeout: idleLife}
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
