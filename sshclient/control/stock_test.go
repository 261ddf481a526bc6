//go:build unix

package control_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/control"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stockOptions lead stock ssh to a server that lets everybody in, past the configuration of the machine.
func stockOptions(t *testing.T, server *sshtest.Server) []string {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-F", "none", "-p", port, "-l", "alice", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "IdentityAgent=none"}
}

func startServer(t *testing.T) *sshtest.Server {
	t.Helper()
	server := sshtest.NewServer()
	server.AllowAll = true
	server.Shell = []string{"/bin/sh"}
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// startStock starts stock ssh as a master, and returns its socket.
func startStock(t *testing.T, server *sshtest.Server, options ...string) string {
	t.Helper()
	program, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatalf("OpenSSH's ssh is not installed: %v", err)
	}
	path := filepath.Join(t.TempDir(), "s")
	args := append(stockOptions(t, server), "-o", "ControlPath="+path, "-o", "ControlMaster=yes", "-N")
	cmd := exec.Command(program, append(append(args, options...), "127.0.0.1")...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if time.Now().After(deadline) {
			t.Fatalf("stock ssh made no socket: %s", errs.String())
		}
	}
}

func dial(t *testing.T, path string) *control.Master {
	t.Helper()
	master, err := control.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	return master
}

func join(t *testing.T, path string) *sshclient.Client {
	t.Helper()
	client, err := dial(t, path).Join(sshclient.Config{Host: "lab"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
