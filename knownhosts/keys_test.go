package knownhosts_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
)

// now is the time at which the tests judge certificates.
var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// privateKeys are made once, because RSA takes its time.
var privateKeys = sync.OnceValue(func() map[string]crypto.Signer {
	keys := map[string]crypto.Signer{}
	for i, name := range []string{"ed25519", "ed25519b", "ca", "ca2"} {
		keys[name] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize))
	}
	keys["ecdsa256"], _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	keys["ecdsa384"], _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	keys["rsa"], _ = rsa.GenerateKey(rand.Reader, 2048)
	return keys
})

func privateKey(t testing.TB, name string) crypto.Signer {
	t.Helper()
	private, ok := privateKeys()[name]
	if !ok {
		t.Fatalf("no test key %q", name)
	}
	return private
}

func signer(t testing.TB, name string) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromSigner(privateKey(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func key(t testing.TB, name string) ssh.PublicKey { return signer(t, name).PublicKey() }

// keyLine is the "type base64" part of a line.
func keyLine(t testing.TB, name string) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key(t, name))), "\n")
}

// fill replaces {name} by the key line of that test key.
func fill(t testing.TB, text string) string {
	for name := range privateKeys() {
		text = strings.ReplaceAll(text, "{"+name+"}", keyLine(t, name))
	}
	return text
}

func store(t testing.TB, text string) *knownhosts.Store {
	return &knownhosts.Store{Files: []knownhosts.File{{Path: "kh", Text: fill(t, text)}}}
}

// certificate returns a host certificate for the key, signed by ca and valid
// around now, after change has been at it.
func certificate(t testing.TB, name, ca string, change func(*ssh.Certificate), principals ...string) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{
		Key:             key(t, name),
		CertType:        ssh.HostCert,
		KeyId:           "test",
		ValidPrincipals: principals,
		ValidAfter:      uint64(now.Add(-time.Hour).Unix()),
		ValidBefore:     ssh.CertTimeInfinity,
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, signer(t, ca)); err != nil {
		t.Fatal(err)
	}
	return cert
}
