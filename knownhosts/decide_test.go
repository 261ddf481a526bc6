package knownhosts_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
)

func TestDecide(t *testing.T) {
	web := knownhosts.Target{Host: "Web", Port: 22}
	web2222 := knownhosts.Target{Host: "web", Port: 2222}
	alias := knownhosts.Target{Host: "web", Port: 2222, Alias: "compute.17"}
	for _, c := range []struct {
		name   string
		text   string
		target knownhosts.Target
		key    string
		status knownhosts.Status
		lines  []int // of By or, if Changed, Offending, or, if Unknown, OtherNames
	}{
		{"nothing known", "", web, "ed25519", knownhosts.Unknown, nil},
		{"known", "db {rsa}\nweb {ed25519}\n", web, "ed25519", knownhosts.Trusted, []int{2}},
		{"one of several", "web {rsa}\nweb {ed25519b}\n* {ed25519}\n", web, "ed25519", knownhosts.Trusted, []int{3}},
		{"other key", "web {ed25519b}\n", web, "ed25519", knownhosts.Changed, []int{1}},
		{"other types only", "web {rsa}\ndb {ed25519}\nweb {ecdsa256}\n", web, "ed25519", knownhosts.Changed, []int{1, 3}},
		{"known elsewhere", "db {ed25519}\n@revoked x {ed25519}\n|1|bad|bad {ed25519}\ndb {rsa}\n* future AAAA\n", web, "ed25519", knownhosts.Unknown, []int{1}},
		{"revoked", "web {ed25519}\n@revoked * {ed25519}\n", web, "ed25519", knownhosts.Revoked, []int{2}},
		{"other key revoked", "@revoked * {rsa}\n", web, "ed25519", knownhosts.Unknown, nil},
		{"authority is no key", "@cert-authority * {ed25519}\n", web, "ed25519", knownhosts.Unknown, nil},
		{"negated", "*,!web {ed25519}\n", web, "ed25519", knownhosts.Unknown, []int{1}},
		{"port", "[web]:2222 {ed25519}\nweb {rsa}\n", web2222, "ed25519", knownhosts.Trusted, []int{1}},
		{"other port", "[web]:2222 {ed25519}\n", web, "ed25519", knownhosts.Unknown, []int{1}},
		{"falls back to no port", "web {ed25519}\n", web2222, "ed25519", knownhosts.Trusted, []int{1}},
		{"falls back to another key", "web {rsa}\n", web2222, "ed25519", knownhosts.Unknown, nil},
		{"port known, no fallback", "web {ed25519}\n[web]:2222 {rsa}\n", web2222, "ed25519", knownhosts.Changed, []int{2}},
		{"falls back to revoked", "@revoked web {ed25519}\n", web2222, "ed25519", knownhosts.Revoked, []int{1}},
		{"alias", "web {rsa}\ncompute.17 {ed25519}\n", alias, "ed25519", knownhosts.Trusted, []int{2}},
		{"alias has no fallback", "web {ed25519}\n", alias, "ed25519", knownhosts.Unknown, []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := store(t, c.text).Decide(knownhosts.Query{Target: c.target, Key: key(t, c.key), Now: now})
			if v.Status != c.status || !slices.Equal(lines(v), c.lines) {
				t.Errorf("got %v by lines %v, want %v by %v", v.Status, lines(v), c.status, c.lines)
			}
		})
	}
}

func lines(v knownhosts.Verdict) []int {
	var numbers []int
	if v.By != nil {
		numbers = append(numbers, v.By.Number)
	}
	for _, e := range append(v.Offending, v.OtherNames...) {
		numbers = append(numbers, e.Number)
	}
	return numbers
}

func TestDecideCertificate(t *testing.T) {
	ca := "@cert-authority *.example,compute.* {ca}\n"
	change := func(f func(*ssh.Certificate)) func(*ssh.Certificate) { return f }
	for _, c := range []struct {
		name       string
		text       string
		change     func(*ssh.Certificate)
		principals string
		status     knownhosts.Status
		certErr    string
	}{
		{"good", ca, nil, "db.example web.example", knownhosts.TrustedByCA, ""},
		{"wildcard principal", ca, nil, "*.example", knownhosts.TrustedByCA, ""},
		{"other host", ca, nil, "db.example", knownhosts.Unknown, "name is not a listed principal"},
		{"no principals", ca, nil, "", knownhosts.Unknown, "lacks principal list"},
		{"user certificate", ca, change(func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), "web.example", knownhosts.Unknown, "not a host certificate"},
		{"expired", ca, change(func(c *ssh.Certificate) { c.ValidBefore = uint64(now.Unix()) }), "web.example", knownhosts.Unknown, "expired"},
		{"early", ca, change(func(c *ssh.Certificate) { c.ValidAfter = uint64(now.Unix()) + 1 }), "web.example", knownhosts.Unknown, "not yet valid"},
		{"never", ca, change(func(c *ssh.Certificate) { c.ValidAfter = 1 << 63 }), "web.example", knownhosts.Unknown, "not yet valid"},
		{"critical", ca, change(func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"x": ""} }), "web.example", knownhosts.Unknown, "critical options"},
		{"unknown authority", "@cert-authority * {ca2}\n", nil, "web.example", knownhosts.Unknown, ""},
		{"authority as a plain key", "* {ca}\n", nil, "web.example", knownhosts.Changed, ""},
		{"plain key known", "@cert-authority * {ca2}\nweb.example {ed25519}\n", nil, "web.example", knownhosts.Trusted, ""},
		{"expired, plain key known", ca + "web.example {ed25519}\n", change(func(c *ssh.Certificate) { c.ValidBefore = 1 }), "web.example", knownhosts.Trusted, "expired"},
		{"plain key changed", "web.example {rsa}\n", nil, "web.example", knownhosts.Changed, ""},
		{"authority revoked", ca + "@revoked * {ca}\n", nil, "web.example", knownhosts.Revoked, ""},
		{"key revoked", ca + "@revoked * {ed25519}\n", nil, "web.example", knownhosts.Revoked, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert := certificate(t, "ed25519", "ca", c.change, strings.Fields(c.principals)...)
			target := knownhosts.Target{Host: "web.example"}
			v := store(t, c.text).Decide(knownhosts.Query{Target: target, Key: cert, Now: now})
			if v.Status != c.status || (v.CertErr == nil) != (c.certErr == "") || v.CertErr != nil && !strings.Contains(v.CertErr.Error(), c.certErr) {
				t.Errorf("got %v (%v), want %v (%s)", v.Status, v.CertErr, c.status, c.certErr)
			}
		})
	}
}

func TestDecideCertificateSignature(t *testing.T) {
	s := store(t, "@cert-authority * {ca}\n@cert-authority * {rsa}\n")
	query := knownhosts.Query{Target: knownhosts.Target{Host: "web", Port: 2222}, Now: now}

	query.Key = certificate(t, "ed25519", "ca", nil, "web")
	if v := s.Decide(query); v.Status != knownhosts.TrustedByCA {
		t.Errorf("good: %v", v.Status)
	}
	query.CASignatures = []string{ssh.KeyAlgoRSASHA256}
	if v := s.Decide(query); v.Status != knownhosts.Unknown || v.CertErr == nil {
		t.Errorf("algorithm not allowed: %v", v.Status)
	}
	query.CASignatures = nil
	forged := certificate(t, "ed25519", "ca", nil, "db")
	forged.ValidPrincipals = []string{"web"}
	query.Key = forged
	if v := s.Decide(query); v.Status != knownhosts.Unknown || v.CertErr == nil {
		t.Errorf("forged: %v", v.Status)
	}
	query.Key = certificate(t, "ecdsa256", "rsa", nil, "web")
	if v := s.Decide(query); v.Status != knownhosts.TrustedByCA || v.By.Number != 2 {
		t.Errorf("RSA authority: %v", v.Status)
	}
}

// A certificate that is of no use does not bring in a plain key that may not be used.
func TestNotPermitted(t *testing.T) {
	cert := certificate(t, "ed25519", "ca", nil, "web")
	query := knownhosts.Query{Target: knownhosts.Target{Host: "web"}, Key: cert, Now: now, Algorithms: []string{ssh.CertAlgoED25519v01}}
	for _, p := range []knownhosts.Policy{knownhosts.Strict, knownhosts.AcceptNew, knownhosts.Off} {
		v := store(t, "web {ed25519}\n@cert-authority web {ca2}\n").Decide(query)
		if !v.NotPermitted || v.Action(p, false) != knownhosts.Refuse || v.Warning(p, "kh") != "host key ssh-ed25519 not permitted by HostkeyAlgorithms" {
			t.Errorf("got %v, %q", v.Status, v.Warning(p, "kh"))
		}
		if (&knownhosts.RefusedError{Verdict: v}).Learnable() {
			t.Error("the user is told to learn the key")
		}
	}
	query.Algorithms = append(query.Algorithms, ssh.KeyAlgoED25519)
	if v := store(t, "web {ed25519}\n").Decide(query); v.Status != knownhosts.Trusted {
		t.Errorf("permitted: got %v", v.Status)
	}
}

func TestSkippedLinesAreNamed(t *testing.T) {
	s := store(t, "web future AAAA\ndb future AAAA\nweb ssh-rsa AAAA\n")
	v := s.Decide(knownhosts.Query{Target: knownhosts.Target{Host: "web"}, Key: key(t, "rsa"), Now: now})
	if v.Status != knownhosts.Unknown || len(v.Skipped) != 2 || !strings.HasPrefix(v.Skipped[0].Error(), "kh:1: ") || !strings.HasPrefix(v.Skipped[1].Error(), "kh:3: ") {
		t.Errorf("%v, skipped %v", v.Status, v.Skipped)
	}
}

func TestAction(t *testing.T) {
	const (
		refuse, accept, add = knownhosts.Refuse, knownhosts.Accept, knownhosts.AcceptAndAdd
		ask, degraded       = knownhosts.AskUser, knownhosts.AcceptDegraded
	)
	policies := []string{"yes", "ask", "accept-new", "no", "off"}
	for _, c := range []struct {
		verdict knownhosts.Verdict
		batch   bool
		want    []knownhosts.Action
	}{
		{knownhosts.Verdict{Status: knownhosts.Trusted}, false, []knownhosts.Action{accept, accept, accept, accept, accept}},
		{knownhosts.Verdict{Status: knownhosts.TrustedByCA}, true, []knownhosts.Action{accept, accept, accept, accept, accept}},
		{knownhosts.Verdict{Status: knownhosts.Changed}, false, []knownhosts.Action{refuse, refuse, refuse, degraded, degraded}},
		{knownhosts.Verdict{Status: knownhosts.Revoked}, true, []knownhosts.Action{refuse, refuse, refuse, degraded, degraded}},
		{knownhosts.Verdict{Status: knownhosts.Unknown}, false, []knownhosts.Action{refuse, ask, add, add, add}},
		{knownhosts.Verdict{Status: knownhosts.Unknown}, true, []knownhosts.Action{refuse, refuse, add, add, add}},
		{knownhosts.Verdict{Status: knownhosts.Unknown, Query: knownhosts.Query{ReadOnly: true}}, false, []knownhosts.Action{refuse, refuse, refuse, refuse, refuse}},
	} {
		for i, name := range policies {
			p, err := knownhosts.ParsePolicy(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.verdict.Action(p, c.batch); got != c.want[i] {
				t.Errorf("%v, %s, batch %v: got %v, want %v", c.verdict.Status, name, c.batch, got, c.want[i])
			}
		}
	}
	if _, err := knownhosts.ParsePolicy("maybe"); err == nil {
		t.Error("policy maybe is accepted")
	}
}

func TestUnstorableHostIsReadOnly(t *testing.T) {
	for host, want := range map[string]bool{"web": false, "fe80::1%eth0": false, "": true, "a*": true, "[a]": true, "@a": true, "a|b": true} {
		if v := store(t, "").Decide(knownhosts.Query{Target: knownhosts.Target{Host: host}, Key: key(t, "rsa"), Now: now}); v.ReadOnly != want {
			t.Errorf("%q: read-only %v, want %v", host, v.ReadOnly, want)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	web := knownhosts.Target{Host: "web"}
	offered := []string{"ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsa-sha2-512", "rsa-sha2-256", "unheard-of"}
	for _, c := range []struct {
		text string
		want string // the order by index
	}{
		{"", "[0 1 2 3 4 5 6 7]"},
		{"db {rsa}\n", "[0 1 2 3 4 5 6 7]"},
		{"web {rsa}\n", "[1 5 6 0 2 3 4 7]"},
		{"web {ecdsa384}\n", "[4 0 1 2 3 5 6 7]"},
		{"web {ecdsa256}\nweb {rsa}\n", "[1 3 5 6 0 2 4 7]"},
		{"web {rsa}\n* {ed25519}\n", "[0 1 2 3 4 5 6 7]"},
		{"@cert-authority * {ca}\n", "[0 1 2 3 4 5 6 7]"},
		{"@cert-authority * {ca}\nweb {rsa}\n", "[0 1 5 6 2 3 4 7]"},
		{"@revoked * {rsa}\nweb {rsa}\n", "[0 1 2 3 4 5 6 7]"},
	} {
		var order []int
		for _, name := range store(t, c.text).Algorithms(web, offered) {
			order = append(order, slices.Index(offered, name))
		}
		if got := fmt.Sprint(order); got != c.want {
			t.Errorf("%q: got %v, want %v", c.text, got, c.want)
		}
	}
	for _, name := range store(t, "web {rsa}\n").Algorithms(web, nil) {
		if name == ssh.KeyAlgoRSA || strings.Contains(name, "dss") {
			t.Errorf("%s is offered", name)
		}
	}
}
