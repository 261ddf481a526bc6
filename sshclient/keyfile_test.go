package sshclient

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A key whose encryption is not supported is refused before its passphrase is asked for, which would be to no end; and the
// command that the refusal names mends it.
func TestForeignSeals(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("no ssh-keygen to encrypt with")
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(keygen, args...).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen %q: %v\n%s", args, err, out)
		}
	}
	dir := t.TempDir()
	asked := 0
	ask := func(context.Context, string, int) (string, error) {
		asked++
		return "secret", nil
	}
	for name, args := range map[string]string{
		"PKCS #8": "-t ecdsa -m PKCS8", "aes256-gcm@openssh.com": "-t ed25519 -Z aes256-gcm@openssh.com", "aes128-cbc": "-t ecdsa -Z aes128-cbc",
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", ""))
		run(append(strings.Fields(args), "-q", "-N", "secret", "-f", path)...)
		keys, err := readIdentity(Identity{Path: path}, true)
		if err != nil || len(keys) != 1 || keys[0].public == nil {
			t.Errorf("%s: %v, %v", name, keys, err)
			continue
		}
		asked = 0
		_, err = keys[0].open(t.Context(), ask)
		if sealed, ok := errors.AsType[*sealedError](err); !ok || sealed.cipher != name || asked > 0 {
			t.Errorf("%s: asked %d times, %v", name, asked, err)
		}
		run("-q", "-p", "-P", "secret", "-N", "secret", "-f", path)
		if keys, err = readIdentity(Identity{Path: path}, true); err != nil {
			t.Fatal(err)
		}
		if _, err := keys[0].open(t.Context(), ask); err != nil || asked != 1 {
			t.Errorf("%s, encrypted anew: asked %d times, %v", name, asked, err)
		}
	}
}
