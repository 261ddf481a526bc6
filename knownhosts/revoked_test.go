package knownhosts_test

import (
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/knownhosts"
)

func TestCheckRevoked(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "revoked")
	cert := certificate(t, "ed25519", "ca", nil, "web")
	for _, c := range []struct {
		name, text string
		key, cert  error // of the plain key, and of its certificate
	}{
		{"empty", "", nil, nil},
		{"others", "# comment\n\n  {rsa} old\r\n{ca2}", nil, nil},
		{"the key", "{rsa}\n\t{ed25519} stolen\n", knownhosts.ErrRevoked, knownhosts.ErrRevoked},
		{"the authority", "{ca}\n", nil, knownhosts.ErrRevoked},
		{"odd line before", "web {ed25519}\n{ed25519}\n", knownhosts.ErrKey, knownhosts.ErrKey},
		{"odd line behind", "{ed25519}\nodd\n", knownhosts.ErrRevoked, knownhosts.ErrRevoked},
		{"unknown type", "ssh-future AAAA\n", knownhosts.ErrKey, knownhosts.ErrKey},
	} {
		write(t, path, fill(t, c.text))
		if err := knownhosts.CheckRevoked(path, key(t, "ed25519")); !errors.Is(err, c.key) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.key)
		}
		if err := knownhosts.CheckRevoked(path, cert); !errors.Is(err, c.cert) {
			t.Errorf("%s, certificate: got %v, want %v", c.name, err, c.cert)
		}
	}
	write(t, path, fill(t, "odd\n"))
	if err := knownhosts.CheckRevoked(path, cert); err == nil || !strings.HasPrefix(err.Error(), path+":1: ") {
		t.Errorf("an odd line is not named: %v", err)
	}
	if err := knownhosts.CheckRevoked(filepath.Join(dir, "missing"), cert); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := knownhosts.CheckRevoked(dir, cert); !errors.Is(err, knownhosts.ErrIsDirectory) {
		t.Errorf("directory: %v", err)
	}
}

// A list that is not understood says so, and revokes everything.
func TestKRLIsRefused(t *testing.T) {
	dir := t.TempDir()
	krl, list := filepath.Join(dir, "krl"), filepath.Join(dir, "list")
	write(t, list, fill(t, "{rsa}\n"))
	if out, err := exec.Command(openssh(t, "ssh-keygen"), "-k", "-f", krl, list).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := knownhosts.CheckRevoked(krl, key(t, "ed25519")); !errors.Is(err, knownhosts.ErrKRL) || !strings.Contains(err.Error(), krl) {
		t.Errorf("got %v", err)
	}
}
