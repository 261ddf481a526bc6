package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/iapssh/iapssh/transport/iap/proxy"
)

// A Proxy is what gcloud's properties proxy/… say of the way to Google, except for
// the password: see ProxyPassword. They come before the environment's variables.
type Proxy struct {
	Type, Address, Port string
	User                string
	LocalNames          bool // proxy/rdns is false: names are not the proxy's to look up
}

func (g gcloudProperties) proxy() Proxy {
	p := Proxy{
		Type:    g.property("proxy", "type"),
		Address: g.property("proxy", "address"),
		Port:    g.property("proxy", "port"),
		User:    g.property("proxy", "username"),
	}
	if rdns, ok := pythonBool(g.property("proxy", "rdns")); ok {
		p.LocalNames = !rdns
	}
	return p
}

// URL is the proxy's address; nil if there is none. The error is a *proxy.SettingError.
func (p Proxy) URL(password string) (*url.URL, error) {
	if p.Type == "" && p.Address == "" && p.Port == "" {
		return nil, nil
	}
	bad := func(text string) error { return &proxy.SettingError{Name: "gcloud's configuration", Why: text} }
	if p.Type == "" || p.Address == "" || p.Port == "" {
		return nil, bad("of proxy/type, proxy/address and proxy/port all must be set, or none")
	}
	port, err := strconv.ParseUint(p.Port, 10, 16)
	if err != nil || port == 0 {
		return nil, bad("proxy/port " + visible(p.Port) + " is no port")
	}
	address := strings.Trim(p.Address, "[]")
	if !validHostname(address) || strings.ContainsAny(address, "/@?#%") {
		return nil, bad("proxy/address " + visible(p.Address) + " is no name or address of a host")
	}
	u := &url.URL{Host: net.JoinHostPort(address, p.Port)}
	switch p.Type {
	case "http", "http_no_tunnel":
		u.Scheme = "http"
	case "socks5":
		u.Scheme = "socks5h"
		if p.LocalNames {
			u.Scheme = "socks5"
		}
	default:
		return nil, bad("proxy/type " + visible(p.Type) + " is not supported: http and socks5 are")
	}
	if p.User != "" {
		u.User = url.UserPassword(p.User, password)
	}
	return u, nil
}

// ProxyPassword reads the one property that is a secret, and so no part of a Plan.
func (p Plan) ProxyPassword(effects Effects) string {
	g := gcloudProperties{effects: effects, dir: p.GCloud.Dir, name: p.GCloud.Configuration}
	if err := g.read(); err != nil {
		return ""
	}
	return g.property("proxy", "password")
}

// pythonBool reads a boolean as gcloud does.
func pythonBool(s string) (on, ok bool) {
	switch lower(s) {
	case "true", "1", "on", "yes", "y":
		return true, true
	case "false", "0", "off", "no", "n":
		return false, true
	}
	return false, false
}
