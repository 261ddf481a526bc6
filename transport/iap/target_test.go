package iap

import (
	"net/url"
	"strings"
	"testing"
)

func TestRelayURL(t *testing.T) {
	for _, tc := range []struct{ override, connect string }{
		{"", "wss://tunnel.cloudproxy.app/v4/connect"},
		{"wss://localhost:8443", "wss://localhost:8443/v4/connect"},
		{"wss://localhost:8443/", "wss://localhost:8443/v4/connect"},
		{"wss://localhost/relay", "wss://localhost/relay/connect"},
		{"wss://localhost/relay/", "wss://localhost/relay/connect"},
		{"wss://localhost/relay?x=y", "wss://localhost/relay/connect"},
		{"wss://mtls.tunnel.cloudproxy.app/v4", "wss://mtls.tunnel.cloudproxy.app/v4/connect"},
		{"wss://tunnel-cloudproxy.example.goog/v4", "wss://tunnel-cloudproxy.example.goog/v4/connect"},
		{"wss://[::1]:8443/v4", "wss://[::1]:8443/v4/connect"},
	} {
		base, err := relayURL(tc.override)
		if err != nil {
			t.Errorf("%q: %v", tc.override, err)
			continue
		}
		got, _, _ := strings.Cut(Target{Project: "p", Zone: "z", Instance: "i", Port: 22}.connectURL(base), "?")
		if got != tc.connect {
			t.Errorf("%q: %s, want %s", tc.override, got, tc.connect)
		}
	}
}

// What a name or a session id holds stays one parameter, whatever it is.
func TestParametersAreEncoded(t *testing.T) {
	base, err := relayURL("")
	if err != nil {
		t.Fatal(err)
	}
	odd := "a b&c=d/e?f#g%h+é\x00"
	target := Target{Project: "domain.com:" + odd, Zone: odd, Instance: odd, Interface: odd, Port: 65535}
	for text, want := range map[string]url.Values{
		target.connectURL(base): {
			"project": {target.Project}, "zone": {odd}, "instance": {odd}, "interface": {odd}, "port": {"65535"}, "newWebsocket": {"True"},
		},
		target.reconnectURL(base, odd, 1<<63): {
			"sid": {odd}, "ack": {"9223372036854775808"}, "zone": {odd}, "newWebsocket": {"True"},
		},
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := url.ParseQuery(u.RawQuery)
		if err != nil || got.Encode() != want.Encode() || u.Fragment != "" || strings.ContainsAny(u.RawQuery, " \x00#") {
			t.Errorf("%s\ngives  %v, %v\nwanted %v", text, got, err, want)
		}
	}
}

func FuzzRelayURL(f *testing.F) {
	for _, s := range []string{"", "wss://h", "wss://u:p@h:1/x?y#z", "wss://[::1%25eth0]/", "wss://h/%2f//", "ws://h", "wss://:443", "::", "wss://[::%25\x80]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, override string) {
		base, err := relayURL(override)
		if err != nil {
			return
		}
		text := Target{Project: "p", Zone: "z", Instance: "i", Port: 22}.connectURL(base)
		u, err := url.Parse(text)
		if err != nil {
			t.Fatalf("%q gives %q: %v", override, text, err)
		}
		if u.Scheme != "wss" || u.Hostname() == "" || !strings.HasSuffix(u.Path, "/connect") || u.Query().Get("project") != "p" {
			t.Fatalf("%q gives %q", override, text)
		}
	})
}

// FuzzSanitize: whatever the relay says of itself, a terminal is not told to do anything.
func FuzzSanitize(f *testing.F) {
	f.Add("not authorized")
	f.Add("\x1b]0;title\x07\u009b31m\xff\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range (&CloseError{Code: 4033, Reason: s}).Error() {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%q leaves %q", s, r)
			}
		}
	})
}
