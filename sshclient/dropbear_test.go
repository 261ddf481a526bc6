//go:build unix

package sshclient

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// With dropbear, which looks for keys in the user's real home alone, we come as far as
// its refusal: keys are exchanged, the host is known, methods are tried.
func TestDropbear(t *testing.T) {
	dir := t.TempDir()
	hostKey := filepath.Join(dir, "host")
	if out, err := exec.Command("dropbearkey", "-t", "ed25519", "-f", hostKey).CombinedOutput(); err != nil {
		t.Skipf("dropbear is not installed: %v\n%s", err, out)
	}
	server, err := exec.LookPath("dropbear")
	if err != nil {
		server = "/usr/sbin/dropbear"
	}
	dropbear := &sshtest.Inetd{Args: []string{server, "-i", "-s", "-r", hostKey}}
	defer dropbear.Close()
	conn, err := dropbear.Dial()
	if err != nil {
		t.Fatal(err)
	}
	key := newTestKey(t, "ed25519")
	log := &logRecorder{}
	_, err = Handshake(t.Context(), conn, Config{
		User: "nobody", Host: "dropbear", Trust: &fakeTrust{}, Log: log.add,
		Auth: Auth{Identities: []Identity{{Path: key.write(t, dir, "key", "")}}},
	})
	denied, ok := errors.AsType[*AuthError](err)
	if !ok || len(denied.Tried) != 1 || denied.Tried[0].Err != nil {
		t.Errorf("%v\n%q", err, log.lines)
	}
}
