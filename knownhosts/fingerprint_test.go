package knownhosts_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
)

// Fingerprints, sizes, types and pictures are those of ssh-keygen -lv.
func TestFingerprintAsSSHKeygen(t *testing.T) {
	keygen, dir := openssh(t, "ssh-keygen"), t.TempDir()
	all := []ssh.PublicKey{
		certificate(t, "ed25519", "ca", nil, "web"), certificate(t, "rsa", "ca", nil, "web"), certificate(t, "ecdsa256", "ca", nil, "web"),
	}
	for name := range privateKeys() {
		all = append(all, key(t, name))
	}
	for i, kind := range []string{"ecdsa -b 521", "rsa -b 1024", "rsa -b 3072"} {
		path := filepath.Join(dir, fmt.Sprint(i))
		if out, err := exec.Command(keygen, append(strings.Fields("-q -f "+path+" -t "+kind), "-N", "")...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", kind, err, out)
		}
		k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(read(t, path+".pub")))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	for _, k := range all {
		path := filepath.Join(dir, "key.pub")
		write(t, path, strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k)), "\n")+" me\n")
		for _, hash := range []knownhosts.FingerprintHash{knownhosts.SHA256, knownhosts.MD5} {
			out, err := exec.Command(keygen, "-lv", "-E", strings.ToLower(hash.String()), "-f", path).Output()
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%d %s me (%s)\n%s\n", knownhosts.Bits(k), hash.Fingerprint(k), knownhosts.TypeName(k), hash.Randomart(k))
			if got != string(out) {
				t.Errorf("got\n%s\nwant\n%s", got, out)
			}
		}
	}
}

func TestParseFingerprintHash(t *testing.T) {
	for _, hash := range []knownhosts.FingerprintHash{knownhosts.SHA256, knownhosts.MD5} {
		if got, err := knownhosts.ParseFingerprintHash(strings.ToLower(hash.String())); got != hash || err != nil {
			t.Errorf("%v: got %v, %v", hash, got, err)
		}
	}
	if _, err := knownhosts.ParseFingerprintHash("sha1"); err == nil {
		t.Error("sha1 is accepted")
	}
}
