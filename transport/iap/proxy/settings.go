package proxy

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// Settings say which hosts are reached by way of a proxy.
type Settings struct {
	Proxy *url.URL // nil: none
	// NoProxy lists the hosts that are reached directly, as in NO_PROXY: names, with which go those that end with them,
	// addresses, blocks as in 10.0.0.0/8, each perhaps with a port; or *. Localhost always is.
	NoProxy string
}

// For gives the proxy that leads to addr, a HOST:PORT; nil means none.
func (s Settings) For(addr string) *url.URL {
	if s.Proxy == nil {
		return nil
	}
	direct := httpproxy.Config{HTTPSProxy: "http://any.invalid", NoProxy: s.NoProxy}
	via, err := direct.ProxyFunc()(&url.URL{Scheme: "https", Host: addr})
	if via == nil || err != nil {
		return nil
	}
	return s.Proxy
}

// SettingError tells that a setting names no proxy that can be used. It does not quote the setting, which may hold a password.
type SettingError struct {
	Name string // "HTTPS_PROXY"
	Why  string
}

func (e *SettingError) Error() string { return e.Name + " names no usable proxy: " + e.Why }

// FromEnvironment reads HTTPS_PROXY, else ALL_PROXY, and NO_PROXY, each also in lower case. The error is a *SettingError: to
// go another way than was asked for could be worse than not to go.
func FromEnvironment(getenv func(string) string) (Settings, error) {
	s := Settings{NoProxy: getenv("NO_PROXY")}
	if s.NoProxy == "" {
		s.NoProxy = getenv("no_proxy")
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		if value := getenv(name); value != "" {
			var err error
			s.Proxy, err = Parse(name, value)
			return s, err
		}
	}
	return s, nil
}

// Parse reads the address of a proxy, of the form [SCHEME://][USER:PASSWORD@]HOST[:PORT]; without a scheme it is an http proxy.
// name is what the setting is called. The error is a *SettingError.
func Parse(name, value string) (*url.URL, error) {
	bad := func(format string, args ...any) error {
		return &SettingError{Name: name, Why: fmt.Sprintf(format, args...)}
	}
	value = strings.TrimSpace(value)
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil {
		return nil, bad("it is not of the form http://USER:PASSWORD@HOST:PORT, in which the user's name and password are percent-encoded")
	}
	switch u.Scheme = strings.ToLower(u.Scheme); u.Scheme {
	case "http", "https", "socks5", "socks5h":
	case "socks", "socks4", "socks4a":
		return nil, bad("of SOCKS only version 5 is spoken")
	default:
		return nil, bad("proxies are of type http, https, socks5 or socks5h, not %q", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, bad("it has no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, bad("port %s is not within 1…65535", port)
		}
	}
	return &url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}, nil
}
