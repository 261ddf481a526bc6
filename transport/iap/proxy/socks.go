package proxy

import (
	"context"
	"net"
	"net/url"

	"golang.org/x/net/proxy"
)

// connectSOCKS asks a SOCKS5 proxy (RFC 1928, 1929).
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
	addrs := []string{addr}
	if via.Scheme == "socks5" {
		if addrs, err = lookUp(ctx, addr); err != nil {
			return nil, err
		}
	}
	var conn net.Conn
	for _, addr := range addrs {
		conn, err = socks.(proxy.ContextDialer).DialContext(ctx, "tcp", addr)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return conn, err
}

// lookUp gives the addresses of a host, in the system's order of preference.
func lookUp(ctx context.Context, addr string) ([]string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	var addrs []string
	for _, ip := range ips {
		addrs = append(addrs, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return addrs, err
}

// tcpDialer lets the SOCKS library dial as we do.
type tcpDialer struct{ d *Dialer }

func (t tcpDialer) Dial(network, addr string) (net.Conn, error) {
	return t.d.dialTCP(context.Background(), addr)
}

func (t tcpDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return t.d.dialTCP(ctx, addr)
}
