package config

import "testing"

func TestCanonicalize(t *testing.T) {
	const on = "CanonicalizeHostname yes\nCanonicalDomains a.example b.example\n"
	m := machine{names: map[string]string{
		"web.b.example.":  "web.b.example.",
		"www.a.example.":  "lb.cdn.example.",
		"bad.a.example.":  "-evil.example.",
		"anchored.":       "anchored.",
		"x.y.z":           "real.a.example.",
		"deep.a.b.c.d":    "deep.a.b.c.d.",
		"vm.a.example.":   "vm.a.example.",
		"a.dot.a.example": "a.dot.a.example.",
	}}
	for _, test := range []struct{ config, argv, want string }{
		{on, "web", "web.b.example"},
		{on, "WEB", "web.b.example"},
		{"", "web", "web"},
		{"CanonicalizeHostname no\nCanonicalDomains b.example\n", "web", "web"},
		{on, "absent", "absent"},
		{on, "anchored.", "anchored"},
		{on, "10.0.0.1", "10.0.0.1"},
		{on, "x.y.z", "x.y.z"}, // more dots than CanonicalizeMaxDots
		{"HostName web\n" + on, "alias", "web.b.example"},
		{"AddressFamily inet6\n" + on, "web", "web"}, // it has an IPv4 address only

		// CNAMEs.
		{on, "www", "www.a.example"},
		{"CanonicalizePermittedCNAMEs *.a.example:*.cdn.example\n" + on, "www", "lb.cdn.example"},
		{"CanonicalizePermittedCNAMEs *\n" + on, "www", "lb.cdn.example"},
		{"CanonicalizePermittedCNAMEs none\n" + on, "www", "www.a.example"},
		{"CanonicalizePermittedCNAMEs *.a.example:*.other\n" + on, "www", "www.a.example"},
		{"CanonicalizePermittedCNAMEs *\n" + on, "bad", "bad.a.example"},
		{"CanonicalizePermittedCNAMEs *\n" + on, "x.y.z", "real.a.example"},
		{"CanonicalizePermittedCNAMEs *\nCanonicalDomains b.example\n", "www", "www"}, // CanonicalizeHostname is off

		// A name that a proxy or IAP will look up.
		{"ProxyJump j\n" + on, "web", "web"},
		{"ProxyCommand nc\n" + on, "web", "web"},
		{"IAPProject p\nIAPZone z\n" + on, "vm", "vm"},
		{"ProxyCommand nc\nCanonicalizeHostname always\n" + on, "web", "web.b.example"},
		{"CanonicalizeFallbackLocal no\n" + on, "web", "web.b.example"},
	} {
		m.files = map[string]string{"/home/ann/.ssh/config": test.config}
		p, err := m.resolve(t, test.argv)
		if err != nil || p.Host != test.want {
			t.Errorf("%s with %q: %s, %v; want %s", test.argv, test.config, p.Host, err, test.want)
		}
	}
}

// The second pass matches against the canonical name; -G makes it too, but looks
// nothing up.
func TestCanonicalMatch(t *testing.T) {
	m := withConfig("CanonicalizeHostname yes\nCanonicalDomains b.example\n" +
		"Match canonical host *.b.example\n Port 5\nHost *.b.example\n User late\nHost web\n User early\n")
	m.names = map[string]string{"web.b.example.": "web.b.example."}
	p, err := m.resolve(t, "web")
	if err != nil || p.Port != 5 || p.User != "early" || p.Host != "web.b.example" || p.Original != "web" {
		t.Errorf("%s %s %d %s, %v", p.Original, p.Host, p.Port, p.User, err)
	}
	p, err = m.resolve(t, "-G web")
	dump := parseDump(p.Output)
	if err != nil || dump.values["hostname"][0] != "web" || dump.values["port"][0] != "22" {
		t.Errorf("-G: %v, %v", dump.values, err)
	}
}
