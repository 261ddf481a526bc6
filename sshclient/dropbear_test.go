//go:build unix

package sshclient

import (
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	served, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := served.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	served.Close()
	cmd := exec.Command(server, "-i", "-s", "-r", hostKey)
	cmd.Stdin, cmd.Stdout = socket, socket
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	socket.Close()
	key := newTestKey(t, "ed25519")
	log := &logRecorder{}
	_, err = Handshake(t.Context(), conn, Config{
		User: "nobody", Host: "dropbear", Trust: &fakeTrust{}, Log: log.add,
		Auth: Auth{Identities: []Identity{{Path: key.write(t, dir, "key", "")}}},
	})
	cmd.Wait()
	denied, ok := errors.AsType[*AuthError](err)
	if !ok || len(denied.Tried) != 1 || denied.Tried[0].Err != nil {
		t.Errorf("%v\n%q", err, log.lines)
	}
}
