package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxHeader bounds the header of the answer to CONNECT, in bytes.
const maxHeader = 64 << 10

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
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	tunnel, err := d.askTunnel(ctx, conn, via, addr)
	if !stop() {
		err = ctx.Err() // whatever the closed connection made of it
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
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusal(resp, via)
	}
	if n := head.Buffered(); n > 0 {
		early, _ := head.Peek(n)
		return &earlyConn{Conn: conn, early: early}, nil
	}
	return conn, nil
}

// earlyConn reads first what the far side said so early that it came with the proxy's answer.
type earlyConn struct {
	net.Conn
	early []byte // the reader's
}

func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func refusal(resp *http.Response, via *url.URL) *Error {
	e := &Error{Proxy: via.Host, Status: resp.StatusCode, Location: resp.Header.Get("Location"), SentAuth: via.User != nil}
	if resp.StatusCode == http.StatusProxyAuthRequired {
		for _, challenge := range resp.Header.Values("Proxy-Authenticate") {
			scheme, _, _ := strings.Cut(challenge, " ")
			e.Schemes = append(e.Schemes, scheme)
		}
	}
	return e
}

// tlsConfig is for the proxy, to which neither a client's certificate nor a server name that was meant for others is shown.
func (d *Dialer) tlsConfig(host string) *tls.Config {
	cfg := d.TLSConfig.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	cfg.Certificates, cfg.GetClientCertificate, cfg.VerifyConnection = nil, nil, nil
	cfg.ServerName = host
	cfg.NextProtos = []string{"http/1.1"}
	return cfg
}
