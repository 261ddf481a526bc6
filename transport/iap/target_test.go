package iap

import (
	"crypto/tls"
	"net/url"
	"strings"
	"testing"
)

var (
	someVM   = Target{Project: "p", Zone: "z", Instance: "i", Port: 22}
	someHost = Target{Project: "p", Region: "r", Network: "n", Host: "10.0.0.5", Port: 3389}
	someRun  = Target{Project: "p", Region: "europe-west1", Port: 22, Workload: Workload{Type: "job", Name: "j", ProjectNumber: "42"}}
)

// Which relay serves whom, and what an override leaves of it.
func TestRelayURL(t *testing.T) {
	certified := &tls.Config{Certificates: make([]tls.Certificate, 1)}
	for _, tc := range []struct {
		dialer  Dialer
		target  Target
		connect string
	}{
		{Dialer{}, someVM, "wss://tunnel.cloudproxy.app/v4/connect"},
		{Dialer{}, someHost, "wss://tunnel.cloudproxy.app/v4/connect"},
		{Dialer{}, someRun, "wss://europe-west1.ssh.run.app/v4/connect"},
		{Dialer{TLSConfig: certified}, someVM, "wss://mtls.tunnel.cloudproxy.app/v4/connect"},
		{Dialer{TLSConfig: certified}, someHost, "wss://mtls.tunnel.cloudproxy.app/v4/connect"},
		{Dialer{TLSConfig: certified}, someRun, "wss://europe-west1.ssh.run.app/v4/connect"},
		{Dialer{TLSConfig: &tls.Config{}}, someVM, "wss://tunnel.cloudproxy.app/v4/connect"},
		{Dialer{Universe: "googleapis.com"}, someVM, "wss://tunnel.cloudproxy.app/v4/connect"},
		{Dialer{Universe: "example.goog"}, someVM, "wss://tunnel-cloudproxy.example.goog/v4/connect"},
		{Dialer{Universe: "example.goog", TLSConfig: certified}, someHost, "wss://tunnel-cloudproxy.example.goog/v4/connect"},
		{Dialer{URL: "wss://localhost:8443", TLSConfig: certified}, someVM, "wss://localhost:8443/v4/connect"},
		{Dialer{URL: "wss://localhost:8443/", Universe: "example.goog"}, someRun, "wss://localhost:8443/v4/connect"},
		{Dialer{URL: "wss://localhost/relay"}, someVM, "wss://localhost/relay/connect"},
		{Dialer{URL: "wss://localhost/relay/"}, someVM, "wss://localhost/relay/connect"},
		{Dialer{URL: "wss://localhost/relay?x=y"}, someVM, "wss://localhost/relay/connect"},
		{Dialer{URL: "wss://[::1]:8443/v4"}, someVM, "wss://[::1]:8443/v4/connect"},
	} {
		base, err := tc.dialer.relay(tc.target)
		if err != nil {
			t.Errorf("%+v: %v", tc.dialer, err)
			continue
		}
		if got, _, _ := strings.Cut(tc.target.connectURL(base), "?"); got != tc.connect {
			t.Errorf("%+v: %s, want %s", tc.dialer, got, tc.connect)
		}
	}
}

// Of a target too little, or too much, is told before the network is asked; what becomes part of a host's name is one label of it.
func TestTargetIsChecked(t *testing.T) {
	with := func(target Target, change func(*Target)) Target { change(&target); return target }
	for _, tc := range []struct {
		dialer Dialer
		target Target
		want   string
	}{
		{Dialer{}, Target{}, "no project, zone, instance given"},
		{Dialer{}, Target{DestGroup: "g", Port: 22}, "no project, region, network, host given"},
		{Dialer{}, Target{Workload: Workload{Container: "c"}}, "no project, region, project_number, cr_workload_type, cr_deployment_name given"},
		{Dialer{}, with(someVM, func(t *Target) { t.Port = 65536 }), "port 65536 is not within 1…65535"},
		{Dialer{}, with(someHost, func(t *Target) { t.Zone = "z" }), "zone and region exclude each other"},
		{Dialer{}, with(someHost, func(t *Target) { t.Interface = "nic1" }), "interface and region exclude each other"},
		{Dialer{}, with(someRun, func(t *Target) { t.Network = "n" }), "network and region exclude each other"},
		{Dialer{}, with(someRun, func(t *Target) { t.Port = 80 }), "port 80: of a Cloud Run workload only port 22 can be reached"},
		{Dialer{}, with(someRun, func(t *Target) { t.Workload.Type = "x" }), `workload type "x" is none of service, job, worker_pool, instance`},
		{Dialer{}, with(someRun, func(t *Target) { t.Region = "evil.example/" }), `region "evil.example/" is not the name of one`},
		{Dialer{Universe: "evil.example/"}, someVM, `universe domain "evil.example/" is not a domain`},
		{Dialer{Universe: "example.goog"}, someRun, `no relay for Cloud Run is known in universe "example.goog"`},
	} {
		if _, err := tc.dialer.relay(tc.target); err == nil || err.Error() != tc.want {
			t.Errorf("%+v: %v, want %s", tc.target, err, tc.want)
		}
	}
}

// What a name or a session id holds stays one parameter, whatever it is; each kind of target has its own, and no more.
func TestParametersAreEncoded(t *testing.T) {
	base, err := relayURL(DefaultURL)
	if err != nil {
		t.Fatal(err)
	}
	odd := "a b&c=d/e?f#g%h+é\x00"
	vm := Target{Project: "domain.com:" + odd, Zone: odd, Instance: odd, Interface: odd, Port: 65535}
	host := Target{Project: "p", Region: odd, Network: odd, Host: "fd00::1", DestGroup: odd, Port: 1}
	run := Target{Project: "p", Region: odd, Port: 22, Workload: Workload{
		Type: "service", Name: "s/revisions/" + odd, ProjectNumber: "42", Instance: odd, Container: odd}}
	instance := someRun
	instance.Workload.Type = "instance"
	for text, want := range map[string]url.Values{
		vm.connectURL(base): {
			"project": {vm.Project}, "zone": {odd}, "instance": {odd}, "interface": {odd}, "port": {"65535"}, "newWebsocket": {"True"},
		},
		someVM.connectURL(base): {
			"project": {"p"}, "zone": {"z"}, "instance": {"i"}, "interface": {"nic0"}, "port": {"22"}, "newWebsocket": {"True"},
		},
		host.connectURL(base): {
			"project": {"p"}, "region": {odd}, "network": {odd}, "host": {"fd00::1"}, "group": {odd}, "port": {"1"}, "newWebsocket": {"True"},
		},
		someHost.connectURL(base): {
			"project": {"p"}, "region": {"r"}, "network": {"n"}, "host": {"10.0.0.5"}, "port": {"3389"}, "newWebsocket": {"True"},
		},
		run.connectURL(base): {
			"project": {"p"}, "region": {odd}, "project_number": {"42"}, "cr_workload_type": {"service"},
			"cr_deployment_name": {"s/revisions/" + odd}, "cr_instance_id": {odd}, "cr_container_id": {odd}, "port": {"22"}, "newWebsocket": {"True"},
		},
		someRun.connectURL(base): {
			"project": {"p"}, "region": {"europe-west1"}, "project_number": {"42"}, "cr_workload_type": {"job"},
			"cr_deployment_name": {"j"}, "port": {"22"}, "newWebsocket": {"True"},
		},
		instance.connectURL(base): { // a service, as gcloud has it
			"project": {"p"}, "region": {"europe-west1"}, "project_number": {"42"}, "cr_workload_type": {"service"},
			"cr_deployment_name": {"j"}, "port": {"22"}, "newWebsocket": {"True"},
		},
		vm.reconnectURL(base, odd, 1<<63): {
			"sid": {odd}, "ack": {"9223372036854775808"}, "zone": {odd}, "newWebsocket": {"True"},
		},
		host.reconnectURL(base, "sid", 0): {"sid": {"sid"}, "ack": {"0"}, "region": {odd}, "newWebsocket": {"True"}},
		run.reconnectURL(base, "sid", 7):  {"sid": {"sid"}, "ack": {"7"}, "region": {odd}, "newWebsocket": {"True"}},
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

// The name of the far end, which SSH libraries cut into host and port.
func TestTargetString(t *testing.T) {
	v6 := someHost
	v6.Host = "fd00::1"
	revision := someRun
	revision.Workload.Name = "s/revisions/s-1"
	for target, want := range map[Target]string{
		someVM:   "i.z.p:22",
		someHost: "10.0.0.5.n.r.p:3389",
		v6:       "[fd00::1.n.r.p]:3389",
		someRun:  "j.europe-west1.p:22",
		revision: "s.europe-west1.p:22",
	} {
		if got := target.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// An endpoint of Private Service Connect has the relay's port, unless it names one.
func TestEndpointAddr(t *testing.T) {
	for endpoint, want := range map[string]string{
		"psc.example": "psc.example:8443", "10.0.0.9:443": "10.0.0.9:443", "fd00::9": "[fd00::9]:8443", "[fd00::9]": "[fd00::9]:8443", "[fd00::9]:1": "[fd00::9]:1",
	} {
		if got := EndpointAddr(endpoint, "8443"); got != want {
			t.Errorf("%s: %s, want %s", endpoint, got, want)
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
		text := someVM.connectURL(base)
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
