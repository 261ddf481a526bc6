package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/sshclient/sshtest"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// A login with nothing known and a push, to a VM that takes the key only when several tries have been refused, with --wait after more
// than the minute that keys usually take: an OpenSSH that holds refusals against addresses (PerSourcePenalties, from 9.8 on by
// default) refuses no connection for that.
func TestNoPenalty(t *testing.T) {
	program := os.Getenv("IAPSSH_SSHD")
	if program == "" {
		t.Skip("ci/penalties finds an sshd that is new enough, and needs two minutes")
	}
	for _, tc := range []struct {
		name  string
		after time.Duration // the first two tries are at 0 and 5 s
		args  []string
	}{
		{"as ever", 10 * time.Second, nil},
		{"patiently", 80 * time.Second, []string{"--wait=3m"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			logInLate(t, program, tc.after, tc.args)
		})
	}
}

func logInLate(t *testing.T, program string, after time.Duration, args []string) {
	l, err := lab.New(lab.Config{Dir: t.TempDir(), Granted: true, FirstUse: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Google.SetMetadata(lab.Project, "", "", "enable-oslogin", "TRUE")
	l.Google.SetLogin(localUser())
	for i := range 7 { // more keys than may be offered
		key := filepath.Join(filepath.Dir(l.Files.Key), fmt.Sprint("key", i))
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	d := startDaemon(t, program)
	l.Relay.Handle(lab.VM, 22, iaptest.TCP(d.addr))
	go d.admitLate(l, after)
	defer func() { <-d.admitted }()

	var identities []string
	for i := range 7 {
		identities = append(identities, "-o", fmt.Sprintf("IdentityFile=~/.ssh/key%d", i))
	}
	args = append(append(args, identities...), "-v", "-o", "StrictHostKeyChecking=accept-new", "-o", "BatchMode=yes", lab.VM, "echo here")
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("iapssh", args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = l.Environ(os.Environ()), &stdout, &stderr
	if err := cmd.Run(); err != nil || strings.TrimSpace(stdout.String()) != "here" {
		t.Errorf("%v: %q\n%s", err, stdout.String(), stderr.String())
	}
	d.stop()
	log := d.log.String()
	if failed := strings.Count(log, "Connection closed by authenticating user") + strings.Count(log, "Disconnecting authenticating user"); failed < 1 {
		t.Errorf("no connection ended in refusal, so that nothing was held against anybody:\n%s", log)
	}
	if strings.Contains(log, "drop connection") {
		t.Errorf("refused for earlier refusals:\n%s", log)
	}
}

// daemon is an sshd that takes all connections itself, as it must to remember who they came from.
type daemon struct {
	addr, keys string
	log        bytes.Buffer // to be read after stop
	cmd        *exec.Cmd
	admitted   chan struct{} // closed when admitLate has ended
}

func startDaemon(t *testing.T, program string) *daemon {
	dir := t.TempDir()
	_, host, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	settings := []string{"LogLevel VERBOSE"}
	for _, part := range []string{"sshd-session", "sshd-auth"} { // beside an sshd that is not installed
		if path := filepath.Join(filepath.Dir(program), "..", "lib", "openssh", part); exists(path) {
			settings = append(settings, map[string]string{"sshd-session": "SshdSessionPath ", "sshd-auth": "SshdAuthPath "}[part]+path)
		}
	}
	o := sshtest.OpenSSH{Dir: dir, HostKeys: []any{host}, Settings: settings}
	if _, err := o.Prepare(); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{addr: free.Addr().String(), keys: o.AuthorizedKeysFile(), admitted: make(chan struct{})}
	free.Close()
	d.cmd = exec.Command(program, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"), "-o", "ListenAddress="+d.addr)
	d.cmd.Stderr = &d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	return d
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (d *daemon) stop() {
	d.cmd.Process.Kill()
	d.cmd.Wait()
}

// admitLate has the VM take the key that was pushed some time after that.
func (d *daemon) admitLate(l *lab.Lab, after time.Duration) {
	defer close(d.admitted)
	for range 600 {
		time.Sleep(50 * time.Millisecond)
		for line := range l.Google.LoginKeys() {
			time.Sleep(after)
			os.WriteFile(d.keys, []byte(line+"\n"), 0o600)
			return
		}
	}
}
