package sshtest_test

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// The arithmetic of sshd's srclimit.c, in fake time.
func TestPenalties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, key := sshtest.NewServer(), sshtest.NewKey()
		server.AuthorizedKeys = []ssh.PublicKey{key.PublicKey()}
		server.Penalties = &sshtest.Penalties{}
		defer server.Close()
		connect := func(auth ...ssh.AuthMethod) error {
			config := &ssh.ClientConfig{User: "u", Auth: auth, HostKeyCallback: ssh.FixedHostKey(server.HostKey())}
			conn, _, _, err := ssh.NewClientConn(server.Dial(), "lab", config)
			if err == nil {
				conn.Close()
			}
			synctest.Wait()
			return err
		}
		wrong := func() { connect(ssh.PublicKeys(sshtest.NewKey())) }
		worst := func(want time.Duration) {
			t.Helper()
			if got := server.Penalties.Worst(); got != want {
				t.Errorf("worst %v, want %v", got, want)
			}
		}
		if err := connect(ssh.PublicKeys(sshtest.NewKey(), key)); err != nil {
			t.Fatal(err)
		}
		worst(0) // a login makes up for what was refused before it
		connect()
		worst(time.Second)
		time.Sleep(time.Minute)
		for range 3 {
			wrong()
		}
		worst(15 * time.Second)
		if err := connect(ssh.PublicKeys(key)); err != nil { // not more than that
			t.Error(err)
		}
		time.Sleep(6 * time.Second)
		wrong()
		wrong()
		worst(19 * time.Second)
		said := make([]byte, 24)
		if _, err := io.ReadFull(server.Dial(), said); err != nil || string(said) != "Not allowed at this time" || server.Penalties.Refused() != 1 {
			t.Errorf("%q, %v", said, err)
		}
		time.Sleep(18 * time.Second)
		if err := connect(ssh.PublicKeys(key)); err == nil {
			t.Error("it has not run off yet")
		}
		time.Sleep(2 * time.Second)
		if err := connect(ssh.PublicKeys(key)); err != nil {
			t.Error(err)
		}
	})
}
