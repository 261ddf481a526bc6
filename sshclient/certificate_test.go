package sshclient

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// An identity's certificate is offered in the place of its key, whether the file or an agent signs.
func TestCertificateOfIdentity(t *testing.T) {
	key, authority := newTestKey(t, "ed25519"), sshtest.NewKey()
	dir := t.TempDir()
	line := sshtest.Certify(authority, string(ssh.MarshalAuthorizedKey(key.public)), "alice", time.Now().Add(time.Hour))
	cert := parsePublic([]byte(line))
	for name, auth := range map[string]Auth{
		"file":  {Identities: []Identity{{Path: key.write(t, dir, "key", ""), Certificate: line}}},
		"agent": {AgentPath: newTestAgent(t, key).path, Identities: []Identity{{Path: key.writePublic(t, dir, "held.pub"), Certificate: line}}, IdentitiesFirst: true},
	} {
		a := &attempt{allowed: []testKey{{public: cert}}, auth: auth}
		if a.run(t); a.err != nil || a.offers() != 1 {
			t.Errorf("%s: %v after %d offers", name, a.err, a.offers())
		}
		fingerprint := " ED25519-CERT " + ssh.FingerprintSHA256(key.public)
		if !slices.ContainsFunc(a.log.lines, func(line string) bool { return strings.Contains(line, fingerprint) }) {
			t.Errorf("%s: not told by the key's fingerprint, as in ssh", name)
		}
	}
	a := &attempt{auth: Auth{Identities: []Identity{{Path: key.write(t, dir, "key", ""), Certificate: "nonsense"}}}}
	if a.run(t); a.offers() != 0 {
		t.Errorf("%d offers with a certificate that is none", a.offers())
	}
}

// offers counts the keys that the server was offered.
func (a *attempt) offers() (count int) {
	for _, line := range a.log.lines {
		if strings.HasPrefix(line, "Offering public key: ") {
			count++
		}
	}
	return count
}

func TestCertifies(t *testing.T) {
	key, other, authority := sshtest.NewKey().PublicKey(), sshtest.NewKey().PublicKey(), sshtest.NewKey()
	text := func(key ssh.PublicKey) string { return string(ssh.MarshalAuthorizedKey(key)) }
	until := time.Unix(2_000_000_000, 0)
	good := sshtest.Certify(authority, text(key), "alice", until)
	for _, test := range []struct {
		name, certificate, key string
		ok                     bool
	}{
		{"the key's", good, text(key), true},
		{"with a comment", good, text(key) + " alice@here", true},
		{"another key's", good, text(other), false},
		{"a key", text(key), text(key), false},
		{"nothing", "", text(key), false},
		{"no key", good, "", false},
	} {
		got, ok := Certifies(test.certificate, test.key)
		if ok != test.ok || ok && !got.Equal(until) {
			t.Errorf("%s: %v, %t", test.name, got, ok)
		}
	}
	endless := parsePublic([]byte(good)).(*ssh.Certificate)
	endless.ValidBefore = ssh.CertTimeInfinity
	if got, ok := Certifies(text(endless), text(key)); !ok || time.Until(got) < 365*24*time.Hour {
		t.Errorf("without end: %v, %t", got, ok)
	}
}
