package config

import (
	"errors"
	"testing"
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
		{routeFacts{host: "vm"}, RouteIAP, "may be an instance"},
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

func TestMissing(t *testing.T) {
	for argv, want := range map[string]string{
		"vm":                       "project",
		"--zone=z vm":              "project",
		"--project=p vm":           "zone",
		"vm.c.proj.internal":       "zone",
		"-o IAP=yes some-instance": "project",
	} {
		_, err := machine{}.resolve(t, argv)
		var missing *MissingError
		if !errors.As(err, &missing) || missing.What != want {
			t.Errorf("%s: %v, want %s missing", argv, err, want)
		}
	}
	if _, err := (machine{}).resolve(t, "-o IAP=yes 10.0.0.1"); !errors.As(err, new(*UsageError)) {
		t.Errorf("an address through IAP: %v, want a UsageError", err)
	}
}
