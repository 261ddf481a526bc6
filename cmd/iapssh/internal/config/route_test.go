package config

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestChooseRoute(t *testing.T) {
	for _, test := range []struct {
		facts  routeFacts
		want   Route
		reason string
	}{
		{routeFacts{iap: "yes", host: "10.0.0.1"}, RouteIAP, "IAP yes"},
		{routeFacts{iap: "no", given: "iapzone", host: "vm"}, RouteDirect, "IAP no"},
		{routeFacts{given: "--zone", host: "10.0.0.1"}, RouteIAP, "--zone was given"},
		{routeFacts{host: "vm.us-central1-a.proj", inHosts: true}, RouteIAP, "is VM.ZONE.PROJECT"},
		{routeFacts{host: "vm.us-central1-a.example.com:proj"}, RouteIAP, "is VM.ZONE.PROJECT"},
		{routeFacts{host: "vm.us-central1-a.c.proj.internal"}, RouteIAP, "is an internal DNS name"},
		{routeFacts{host: "vm.c.proj.internal"}, RouteIAP, "is an internal DNS name"},
		{routeFacts{host: "https://www.googleapis.com/compute/v1/projects/p/zones/us-east1-b/instances/vm"}, RouteIAP, "is a resource URL"},
		{routeFacts{host: "vm.us-central1-a.example.com"}, RouteDirect, "is a dotted name"},
		{routeFacts{host: "a.internal"}, RouteDirect, "is a dotted name"},
		{routeFacts{host: "www.example.com"}, RouteDirect, "is a dotted name"},
		{routeFacts{host: "github.com"}, RouteDirect, "is a dotted name"},
		{routeFacts{host: "10.0.0.1"}, RouteDirect, "is an address"},
		{routeFacts{host: "127.1"}, RouteDirect, "is an address"},
		{routeFacts{host: "fe80::1%eth0"}, RouteDirect, "is an address"},
		{routeFacts{host: "localhost"}, RouteDirect, "is localhost"},
		{routeFacts{host: "nas_2"}, RouteDirect, "is not a legal instance name"},
		{routeFacts{host: "2nd"}, RouteDirect, "is not a legal instance name"},
		{routeFacts{host: "nas", inHosts: true}, RouteDirect, "stands in the hosts file"},

		{routeFacts{iap: "internal", jump: true, host: "vm"}, RouteAddress, "IAP internal"},
		{routeFacts{iap: "external", proxy: "run", inner: RouteProxyCommand, host: "vm"}, RouteAddress, "IAP external"},

		// A jump and a ProxyCommand come before all but "IAP yes" and the like.
		{routeFacts{iap: "yes", jump: true, host: "vm"}, RouteIAP, "IAP yes"},
		{routeFacts{iap: "no", jump: true, host: "vm"}, RouteJump, "ProxyJump is set"},
		{routeFacts{jump: true, given: "--zone", host: "vm.us-east1-b.p"}, RouteJump, "ProxyJump is set"},
		{routeFacts{iap: "no", proxy: "ProxyCommand is gcloud's", inner: RouteIAP, host: "vm"}, RouteProxyCommand, "IAP no: the ProxyCommand is run as written"},
		{routeFacts{proxy: "ProxyCommand is gcloud's", inner: RouteIAP, host: "10.0.0.1"}, RouteIAP, "ProxyCommand is gcloud's"},
		{routeFacts{proxy: "run", inner: RouteProxyCommand, given: "--zone", host: "vm"}, RouteProxyCommand, "run"},

		// What is given and what can only be an instance come before names.
		{routeFacts{given: "iapproject", host: "localhost"}, RouteIAP, "iapproject was given"},
		{routeFacts{given: "iapproject", host: "www.example.com", inHosts: true, known: true}, RouteIAP, "iapproject was given"},
		{routeFacts{host: "vm.c.proj.internal", inHosts: true, known: true}, RouteIAP, "is an internal DNS name"},

		// A bare name, one fact after the other.
		{routeFacts{host: "nas", inHosts: true, known: true, project: true, credential: true, cached: true, zone: true}, RouteDirect, "stands in the hosts file"},
		{routeFacts{host: "nas", known: true, project: true, credential: true, cached: true, zone: true}, RouteDirect, "stands in known_hosts as a host of its own"},
		{routeFacts{host: "vm", credential: true}, RouteDirect, "may be an instance, but no project is known"},
		{routeFacts{host: "vm", project: true, cached: true, zone: true}, RouteDirect, "may be an instance, but no credential for Google is known"},
		{routeFacts{host: "vm", project: true, credential: true, cached: true}, RouteIAP, "is an instance by the cache"},
		{routeFacts{host: "vm", project: true, credential: true, cached: true, zone: true}, RouteIAP, "is an instance by the cache"},
		{routeFacts{host: "vm", project: true, credential: true, zone: true}, RouteIAP, "may be an instance; project and zone are known"},
		{routeFacts{host: "vm", project: true, credential: true}, RouteLookup, "may be an instance; its zone is not known"},
	} {
		got, reason := chooseRoute(test.facts)
		if got != test.want || reason != test.reason {
			t.Errorf("%+v: %s, %q; want %s, %q", test.facts, got, reason, test.want, test.reason)
		}
	}
}

func TestInstanceForm(t *testing.T) {
	for host, want := range map[string]Target{
		"vm.us-central1-a.proj":                           {Project: "proj", Zone: "us-central1-a", Instance: "vm"},
		"vm.us-central1-a.c.proj.internal":                {Project: "proj", Zone: "us-central1-a", Instance: "vm"},
		"vm.c.proj.example.com.internal":                  {Project: "example.com:proj", Instance: "vm"},
		"projects/p/zones/us-central1-ai1a/instances/vm":  {Project: "p", Zone: "us-central1-ai1a", Instance: "vm"},
		"vm.northamerica-northeast1-b.example.com:proj-1": {Project: "example.com:proj-1", Zone: "northamerica-northeast1-b", Instance: "vm"},
		"VM.us-central1-a.proj":                           {},
		"vm.web.proj":                                     {},
		"vm.us-central1-a.":                               {},
		"projects/p/zones/nowhere/instances/vm":           {},
	} {
		if got, _, ok := instanceForm(host); got != want || ok != (want != Target{}) {
			t.Errorf("%s: %+v, %v; want %+v", host, got, ok, want)
		}
	}
}

// Precedence of the target: flag, -o, ssh_config, environment, gcloud.
func TestTargetPrecedence(t *testing.T) {
	m := machine{files: map[string]string{}, env: map[string]string{}}
	for name, text := range annsGCloud {
		m.files[name] = text
	}
	steps := []struct {
		set  func()
		argv string
		want string
	}{
		{func() {}, "vm", "p-work"},
		{func() { m.env["CLOUDSDK_CORE_PROJECT"] = "p-env" }, "vm", "p-env"},
		{func() { m.files["/home/ann/.ssh/config"] = "Host vm\nIAPProject p-config\n" }, "vm", "p-config"},
		{func() {}, "-o IAPProject=p-o vm", "p-o"},
		{func() {}, "-o IAPProject=p-o vm --project=p-flag", "p-flag"},
	}
	for _, step := range steps {
		step.set()
		p, err := m.resolve(t, step.argv)
		if err != nil || p.IAP.Project != step.want || p.IAP.Zone != "europe-west1-b" {
			t.Errorf("%s: %+v, %v; want project %s", step.argv, p.IAP, err, step.want)
		}
	}
}

func TestNoInstance(t *testing.T) {
	for _, argv := range []string{"-o IAP=yes 10.0.0.1", "--zone=z www.example.com", "--project=p nas_2"} {
		if _, err := (machine{}).resolve(t, argv); !errors.As(err, new(*UsageError)) {
			t.Errorf("%s through IAP: %v, want a UsageError", argv, err)
		}
	}
}

// What the facts of other packages, the files and gcloud's configuration make of
// the way to a bare name.
func TestWay(t *testing.T) {
	zone := map[string]string{"CLOUDSDK_CORE_PROJECT": "p", "CLOUDSDK_COMPUTE_ZONE": "z"}
	project := map[string]string{"CLOUDSDK_CORE_PROJECT": "p"}
	cache := func(vm string, projects []string) (string, string, bool) {
		return projects[len(projects)-1], "cached-zone", vm == "vm"
	}
	for _, test := range []struct {
		name   string
		config string
		env    map[string]string
		facts  Facts
		argv   string
		route  Route
		target string // project/zone/instance:port of IAP, or what Lacks says
	}{
		{"project and zone", "", zone, Facts{}, "vm", RouteIAP, "p/z/vm:22"},
		{"port", "", zone, Facts{}, "-p 2222 vm", RouteIAP, "p/z/vm:2222"},
		{"hosts file", "", zone, Facts{}, "nas", RouteDirect, ""},
		{"hosts file, but IAP is asked for", "", zone, Facts{}, "-o IAP=yes nas", RouteIAP, "p/z/nas:22"},
		{"known host", "", zone, Facts{KnownHost: func(files []string, host string, port int) bool {
			return files[0] == "/home/ann/.ssh/known_hosts" && host == "vm" && port == 22
		}}, "vm", RouteDirect, ""},
		{"another port of a known host", "", zone, Facts{KnownHost: func(_ []string, _ string, port int) bool { return port == 22 }}, "-p 23 vm", RouteIAP, "p/z/vm:23"},
		{"no project", "", nil, Facts{}, "vm", RouteDirect, ""},
		{"the project we run in", "", map[string]string{"CLOUDSDK_COMPUTE_ZONE": "z"},
			Facts{ProjectHere: func(context.Context) string { return "here" }}, "vm", RouteIAP, "here/z/vm:22"},
		{"gcloud before the project we run in", "", zone, Facts{ProjectHere: func(context.Context) string { return "here" }}, "vm", RouteIAP, "p/z/vm:22"},
		{"no credential", "", zone, Facts{NoCredential: func(GCloud) bool { return true }}, "vm", RouteDirect, ""},
		{"no credential, but a zone is given", "", zone, Facts{NoCredential: func(GCloud) bool { return true }}, "--zone=y vm", RouteIAP, "p/y/vm:22"},
		{"no zone", "", project, Facts{}, "vm", RouteLookup, "p//vm:22"},
		{"no zone, cached", "", project, Facts{CachedVM: cache}, "vm", RouteIAP, "p/cached-zone/vm:22"},
		{"no zone, not cached", "", project, Facts{CachedVM: cache}, "vm2", RouteLookup, "p//vm2:22"},
		{"given project, cached zone", "", nil, Facts{CachedVM: cache}, "--project=q vm", RouteIAP, "q/cached-zone/vm:22"},
		{"several projects", "IAPProject a b\n", nil, Facts{}, "vm", RouteIAP, "//vm:22"},
		{"several projects, cached", "IAPProject a b\n", nil, Facts{CachedVM: cache}, "vm", RouteIAP, "b/cached-zone/vm:22"},
		{"several projects, one typed", "IAPProject a b\nIAPZone z\n", nil, Facts{}, "--project=c vm", RouteIAP, "c/z/vm:22"},
		{"a form beats gcloud", "", zone, Facts{}, "vm.us-east1-b.q", RouteIAP, "q/us-east1-b/vm:22"},
		{"a keyword beats a form", "IAPProject k\n", zone, Facts{}, "vm.us-east1-b.q", RouteIAP, "k/us-east1-b/vm:22"},
		{"URL", "", nil, Facts{}, "projects/q/zones/us-east1-b/instances/vm", RouteIAP, "q/us-east1-b/vm:22"},
		{"an address of the VM", "IAP internal\n", zone, Facts{}, "vm", RouteAddress, "p/z/vm:22"},
		{"an address of a VM to be found", "IAP external\n", project, Facts{}, "vm", RouteAddress, "p//vm:22"},
		{"github", "", zone, Facts{}, "git@github.com", RouteDirect, ""},
		{"HostName decides", "HostName 10.0.0.9\n", zone, Facts{}, "vm", RouteDirect, ""},
		{"IAP no", "IAP no\nIAPZone z\n", zone, Facts{}, "vm", RouteDirect, ""},
		{"IAP auto", "IAP auto\n", zone, Facts{}, "vm", RouteIAP, "p/z/vm:22"},
	} {
		m := withConfig(test.config)
		m.files["/etc/hosts"] = "10.0.0.2 nas.home nas\n"
		m.env, m.facts = test.env, test.facts
		p, err := m.resolve(t, test.argv)
		got := ""
		if err == nil && p.Route != RouteDirect {
			got = fmt.Sprintf("%s/%s/%s:%d", p.IAP.Project, p.IAP.Zone, p.IAP.Instance, p.IAP.Port)
			if err := p.Lacks(); err != nil {
				got = err.Error()
			}
		}
		if err != nil || p.Route != test.route || got != test.target {
			t.Errorf("%s: %s (%s) %s, %v; want %s %s", test.name, p.Route, p.RouteReason, got, err, test.route, test.target)
		}
	}
}

// A name that is dialled directly only because something is missing says what.
func TestRouteFix(t *testing.T) {
	for argv, want := range map[string]string{"vm": "--project=PROJECT", "-o IAP=no vm": "", "10.0.0.1": "", "www.example.com": ""} {
		p, err := (machine{}).resolve(t, argv)
		if err != nil || p.Route != RouteDirect || !strings.Contains(p.RouteFix, want) || (want == "") != (p.RouteFix == "") {
			t.Errorf("%s: %s %q, %v; want %q", argv, p.Route, p.RouteFix, err, want)
		}
	}
	m := machine{env: map[string]string{"CLOUDSDK_CORE_PROJECT": "p"}, facts: Facts{NoCredential: func(GCloud) bool { return true }}}
	if p, err := m.resolve(t, "vm"); err != nil || !strings.Contains(p.RouteFix, "application-default login") {
		t.Errorf("no credential: %q, %v", p.RouteFix, err)
	}
}

// A session through IAP keeps itself alive, unless that is not wanted.
func TestServerAliveInterval(t *testing.T) {
	for _, test := range []struct {
		argv string
		want time.Duration
	}{
		{"--project=p --zone=z vm", 5 * time.Minute},
		{"--project=p --zone=z -o ServerAliveInterval=0 vm", 0},
		{"--project=p --zone=z -o ServerAliveInterval=7 vm", 7 * time.Second},
		{"-o IAP=no vm", 0},
	} {
		p, err := machine{}.resolve(t, test.argv)
		if err != nil || p.ServerAliveInterval != test.want {
			t.Errorf("%s: %v, %v", test.argv, p.ServerAliveInterval, err)
		}
	}
}

// A VM that another process finds while we look needs no lookup of ours.
func TestFoundMeanwhile(t *testing.T) {
	asked := 0
	m := machine{env: map[string]string{"CLOUDSDK_CORE_PROJECT": "p"}, facts: Facts{CachedVM: func(string, []string) (project, zone string, ok bool) {
		asked++
		return "p", "us-central1-a", asked > 1
	}}}
	p, err := m.resolve(t, "vm")
	if err != nil || p.Route != RouteIAP || p.MustLocate() || p.IAP.Zone != "us-central1-a" || asked != 2 {
		t.Errorf("%s (%s) %+v, %v; asked %d times", p.Route, p.RouteReason, p.IAP, err, asked)
	}
}
