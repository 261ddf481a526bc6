package proxy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/transport/iap/proxy"
)

func environ(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestFromEnvironment(t *testing.T) {
	for _, tc := range []struct {
		environ map[string]string
		addr    string
		want    string // empty: directly
	}{
		{nil, "relay.example:443", ""},
		{map[string]string{"HTTP_PROXY": "http://p:1"}, "relay.example:443", ""}, // is about http://
		{map[string]string{"HTTPS_PROXY": "http://p:1"}, "relay.example:443", "http://p:1"},
		{map[string]string{"https_proxy": "https://u:s%40x@p"}, "relay.example:443", "https://u:s%40x@p"},
		{map[string]string{"HTTPS_PROXY": "p:3128"}, "relay.example:443", "http://p:3128"},
		{map[string]string{"HTTPS_PROXY": "p"}, "relay.example:443", "http://p"},
		{map[string]string{"HTTPS_PROXY": "u:s@[::1]:3128/"}, "relay.example:443", "http://u:s@[::1]:3128"},
		{map[string]string{"ALL_PROXY": "socks5h://p:1"}, "relay.example:443", "socks5h://p:1"},
		{map[string]string{"all_proxy": "SOCKS5://p"}, "relay.example:443", "socks5://p"},
		{map[string]string{"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:1", "ALL_PROXY": "http://c:1"}, "relay.example:443", "http://a:1"},
		{map[string]string{"HTTPS_PROXY": "http://p:1"}, "localhost:443", ""},
		{map[string]string{"HTTPS_PROXY": "http://p:1"}, "127.0.0.2:8443", ""},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example"}, "relay.example:443", ""},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, "relay.example:443", ""},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "no_proxy": "other, relay.example"}, "relay.example:443", ""},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample"}, "relay.example:443", "http://p:1"},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "relay.example:8443"}, "relay.example:443", "http://p:1"},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "10.1.2.3:443", ""},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "11.1.2.3:443", "http://p:1"},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}, "[fd00::1]:443", ""},
		{map[string]string{"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "relay.example:443", ""},
	} {
		settings, err := proxy.FromEnvironment(environ(tc.environ))
		got := ""
		if via := settings.For(tc.addr); via != nil {
			got = via.String()
		}
		if got != tc.want || err != nil {
			t.Errorf("%v: %s, %v, want %s", tc.environ, got, err, tc.want)
		}
	}
}

// A setting that names no proxy is an error and no reason to go directly; the error does not tell the password.
func TestBadSettings(t *testing.T) {
	for value, why := range map[string]string{
		"http://ali:open sesame@p:1": "percent-encoded",
		"http://ali:opensesame@":     "no host",
		"ali:opensesame@p:70000":     "70000 is not within",
		"http://ali:opensesame@p:x":  "percent-encoded",
		"http://ali:open%sesame@p":   "percent-encoded",
		"gopher://p:1":               `not "gopher"`,
		"socks4://p:1":               "only version 5",
		"://p":                       "",
		"http://":                    "no host",
	} {
		_, err := proxy.FromEnvironment(environ(map[string]string{"HTTPS_PROXY": value}))
		var bad *proxy.SettingError
		if !errors.As(err, &bad) || bad.Name != "HTTPS_PROXY" || !strings.Contains(bad.Why, why) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"p:1", "http://u:p@h:1", "socks5://[::1%25eth0]", "https://%2f", "://", "http://p:1/x?y#z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		u, err := proxy.Parse("X", value)
		if err != nil {
			return
		}
		if u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q gives %q", value, u)
		}
	})
}
