// Package proxy makes TCP connections by way of HTTP, HTTPS and SOCKS5 proxies, and says which proxy leads to a host.
//
//	settings, err := proxy.FromEnvironment(os.Getenv)
//	conn, err := new(proxy.Dialer).Dial(ctx, settings.For("tunnel.cloudproxy.app:443"), "tunnel.cloudproxy.app:443")
//
// settings.go reads what people and environments say of proxies; connect.go and socks.go speak with them. net/http's own proxies
// are not used: behind one its Transport ignores DialTLSContext, and a WebSocket's connection has to be ours from the first byte.
//
// A proxy is a *url.URL: scheme http, https, socks5 or socks5h, a host, perhaps a port and credentials. To socks5 addresses are
// told, to socks5h names, which it looks up itself, as curl has it.
package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Dialer connects through proxies. The zero value is ready; its methods may be called concurrently.
type Dialer struct {
	// NetDial makes TCP connections: to the proxy, or to the address itself if there is none. Nil: DialTCP.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLSConfig is the base for TLS with https proxies, of which the certificates for clients and the server name are not used.
	TLSConfig *tls.Config
}

// DialTCP connects directly. Where a name has addresses of both families, the second is tried when the first does not answer soon.
func DialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}).DialContext(ctx, network, addr)
}

// Dial connects with addr by way of via, which is nil for the direct way. An error of the proxy's, or of the way to it, is an *Error.
func (d *Dialer) Dial(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	if via == nil {
		return d.dialTCP(ctx, addr)
	}
	var conn net.Conn
	var err error
	switch via.Scheme {
	case "socks5", "socks5h":
		conn, err = d.connectSOCKS(ctx, via, addr)
	case "http", "https":
		conn, err = d.connectHTTP(ctx, via, addr)
	default:
		err = fmt.Errorf("proxies of type %q are not supported (http, https, socks5 and socks5h are)", via.Scheme)
	}
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		err = &Error{Proxy: via.Host, Err: err}
	}
	return conn, err
}

func (d *Dialer) dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	if d.NetDial != nil {
		return d.NetDial(ctx, "tcp", addr)
	}
	return DialTCP(ctx, "tcp", addr)
}

// hostPort is the proxy's address.
func hostPort(via *url.URL, defaultPort string) string {
	if p := via.Port(); p != "" {
		defaultPort = p
	}
	return net.JoinHostPort(via.Hostname(), defaultPort)
}

// Error tells that the proxy failed or refused, or could not be reached.
type Error struct {
	Proxy    string   // host:port, without credentials
	Status   int      // HTTP status of a refused CONNECT; 0 if there was none
	Location string   // of a redirect, which a captive portal sends
	Schemes  []string // of authentication, as in "Negotiate", that a 407 asks for
	SentAuth bool     // credentials were sent
	Err      error    // nil if Status says it all
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("proxy %s: %v", e.Proxy, e.Err)
	}
	return fmt.Sprintf("proxy %s refused the connection with HTTP status %d", e.Proxy, e.Status)
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same may succeed later: a network that fails, a proxy in trouble, a portal to sign in at.
func (e *Error) Temporary() bool {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(e.Err, &untrusted):
		return false
	case e.Err != nil, e.Status >= 300 && e.Status < 400, e.Status == http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500
}
