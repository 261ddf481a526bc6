package iap

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
	"net/url"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// How a dial reaches the relay: TCP or a proxy, then TLS. net/http's own transport is not used, because it ignores
// DialTLSContext behind a proxy and would keep goroutines beside ours.

// maxHeader bounds the header of an HTTP response, in bytes.
const maxHeader = 64 << 10

// connect gives a TCP connection, direct or through a proxy, to the relay.
func (d *Dialer) connect(ctx context.Context, relay *url.URL) (net.Conn, error) {
	addr := hostPort(relay, "443")
	if d.Endpoint != "" {
		addr = endpointAddr(d.Endpoint, relay)
		conn, err := d.dialTCP(ctx, addr)
		tuneTCP(conn)
		d.Trace.connect(addr, "", conn, err)
		return conn, err
	}
	via, err := d.proxyFor(relay)
	if err != nil {
		return nil, &ProxyError{Proxy: "settings", Err: err}
	}
	if via == nil {
		conn, err := d.dialTCP(ctx, addr)
		tuneTCP(conn)
		d.Trace.connect(addr, "", conn, err)
		return conn, err
	}
	conn, err := d.connectVia(ctx, via, addr)
	tuneTCP(conn)
	d.Trace.connect(addr, via.Host, conn, err)
	return conn, err
}

func (d *Dialer) proxyFor(relay *url.URL) (*url.URL, error) {
	https := *relay
	https.Scheme = "https" // the name under which proxy settings know a wss address
	if d.Proxy != nil {
		return d.Proxy(&https)
	}
	return httpproxy.FromEnvironment().ProxyFunc()(&https)
}

func (d *Dialer) dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	if d.NetDial != nil {
		return d.NetDial(ctx, "tcp", addr)
	}
	return (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}).DialContext(ctx, "tcp", addr)
}

func (d *Dialer) connectVia(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	var conn net.Conn
	var err error
	switch via.Scheme {
	case "socks5", "socks5h":
		conn, err = d.connectSOCKS(ctx, via, addr)
	case "http", "https":
		conn, err = d.connectHTTP(ctx, via, addr)
	default:
		err = fmt.Errorf("proxies of type %q are not supported (http, https and socks5 are)", via.Scheme)
	}
	var refused *ProxyError
	if err != nil && !errors.As(err, &refused) {
		err = &ProxyError{Proxy: via.Host, Err: err}
	}
	return conn, err
}

// tcpDialer lets the SOCKS library dial as we do.
type tcpDialer struct{ d *Dialer }

func (t tcpDialer) Dial(network, addr string) (net.Conn, error) {
	return t.d.dialTCP(context.Background(), addr)
}

func (t tcpDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return t.d.dialTCP(ctx, addr)
}

func (d *Dialer) connectSOCKS(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	var auth *proxy.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		auth = &proxy.Auth{User: via.User.Username(), Password: password}
	}
	socks, err := proxy.SOCKS5("tcp", hostPort(via, "1080"), auth, tcpDialer{d})
	if err != nil {
		return nil, err
	}
	return socks.(proxy.ContextDialer).DialContext(ctx, "tcp", addr)
}

// connectHTTP asks an HTTP proxy for a tunnel with CONNECT (RFC 9110 section 9.3.6).
func (d *Dialer) connectHTTP(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	port := "80"
	if via.Scheme == "https" {
		port = "443"
	}
	conn, err := d.dialTCP(ctx, hostPort(via, port))
	if err != nil {
		return nil, err
	}
	stop := closeOnDone(ctx, conn)
	tunnel, err := d.askTunnel(ctx, conn, via, addr)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return tunnel, nil
}

func (d *Dialer) askTunnel(ctx context.Context, conn net.Conn, via *url.URL, addr string) (net.Conn, error) {
	if via.Scheme == "https" {
		secured := tls.Client(conn, d.tlsConfig(via.Hostname()))
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secured
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if via.User != nil {
		password, _ := via.User.Password()
		plain := via.User.Username() + ":" + password
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(plain)))
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	head := bufio.NewReader(io.LimitReader(conn, maxHeader))
	resp, err := http.ReadResponse(head, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &ProxyError{Proxy: via.Host, Status: resp.StatusCode}
	}
	if head.Buffered() > 0 {
		return nil, errors.New("bytes behind the answer to CONNECT, before TLS began")
	}
	return conn, nil
}

// secure runs TLS over a connection to the relay, with the batching conns above and below.
func (d *Dialer) secure(ctx context.Context, conn net.Conn, relay *url.URL) (*frameConn, error) {
	records := &recordConn{Conn: conn}
	secured := tls.Client(records, d.tlsConfig(relay.Hostname()))
	err := secured.HandshakeContext(ctx)
	d.Trace.tls(secured.ConnectionState(), err)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &frameConn{Conn: secured, records: records}, nil
}

// tlsConfig offers HTTP/1.1 alone, since WebSocket over h2 is another protocol, and full records from the first byte.
func (d *Dialer) tlsConfig(host string) *tls.Config {
	cfg := d.TLSConfig.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.NextProtos = []string{"http/1.1"}
	cfg.DynamicRecordSizingDisabled = true
	return cfg
}

// closeOnDone closes conn when ctx ends before stop is called; stop reports whether it came first.
func closeOnDone(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { conn.Close() })
}
