package iap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"

	"github.com/iapssh/iapssh/transport/iap/proxy"
)

// How a dial reaches the relay: TCP, direct or by way of a proxy, then TLS.

// connect gives a TCP connection to the relay.
func (d *Dialer) connect(ctx context.Context, relay *url.URL) (net.Conn, error) {
	addr, via, err := d.way(relay)
	if err != nil {
		return nil, err
	}
	conn, err := (&proxy.Dialer{NetDial: d.dialTuned, TLSConfig: d.TLSConfig}).Dial(ctx, via, addr)
	name := ""
	if via != nil {
		name = via.Host
	}
	d.Trace.connect(addr, name, conn, err)
	return conn, err
}

// dialTuned makes TCP connections whose sockets are set as we want them, whatever comes to lie above.
func (d *Dialer) dialTuned(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := d.NetDial
	if dial == nil {
		dial = proxy.DialTCP
	}
	conn, err := dial(ctx, network, addr)
	tuneTCP(conn)
	return conn, err
}

// way is the address to dial for the relay, and the proxy that leads there, if any.
func (d *Dialer) way(relay *url.URL) (addr string, via *url.URL, err error) {
	addr = hostPort(relay, "443")
	if d.Endpoint != "" {
		_, port, _ := net.SplitHostPort(addr)
		return EndpointAddr(d.Endpoint, port), nil, nil
	}
	if d.Proxy == nil {
		settings, err := proxy.FromEnvironment(os.Getenv)
		return addr, settings.For(addr), err
	}
	https := *relay
	https.Scheme = "https" // the name under which proxy settings know a wss address
	via, err = d.Proxy(&https)
	return addr, via, err
}

// secure runs TLS over a connection to the relay, with the batching conns above and below.
func (d *Dialer) secure(ctx context.Context, conn net.Conn, relay *url.URL) (*frameConn, error) {
	records := &recordConn{Conn: conn}
	cfg := d.tlsConfig(relay.Hostname())
	if cfg.RootCAs == nil && !cfg.InsecureSkipVerify {
		records.beforeRead = parseSystemRoots
	}
	secured := tls.Client(records, cfg)
	err := secured.HandshakeContext(ctx)
	records.beforeRead = nil
	d.Trace.tls(secured.ConnectionState(), err)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &frameConn{Conn: secured, records: records}, nil
}

// parseSystemRoots has the certificates of the system parsed, once in a process, which takes 15 ms or so where they are files. That
// is while the relay makes its answer to our hello, instead of when it has come.
func parseSystemRoots() { x509.SystemCertPool() }

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
