package main

import (
	"bytes"
	"context"
	"flag"
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

// runIn runs iapssh in a lab, and gives what it wrote on stdout and its exit code.
func runIn(t *testing.T, l *lab.Lab, args ...string) (stdout string, code int) {
	t.Helper()
	cmd := exec.Command("iapssh", args...)
	cmd.Env = l.Environ(os.Environ())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// An examination makes one connection to sshd, and what that costs with an sshd of OpenSSH 9.8 or later is at most a third of what has
// an address refused.
func TestDoctorEarnsNoRefusal(t *testing.T) {
	penalties := &sshtest.Penalties{}
	l, err := lab.New(lab.Config{Dir: t.TempDir(), Penalties: penalties})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nothing := filepath.Join(t.TempDir(), "known_hosts")
	for _, tc := range []struct {
		args []string
		want string
		code int
	}{
		{nil, "pass     login", 0},
		{[]string{"-o", "IdentityFile=" + writeOtherKey(t)}, "fail     login", 1},
		{[]string{"-o", "UserKnownHostsFile=" + nothing}, "fail     host key", 1},
	} {
		if out, code := runIn(t, l, append(append([]string{"--doctor"}, tc.args...), lab.VM)...); code != tc.code || !strings.Contains(out, tc.want) {
			t.Errorf("%v: exit code %d\n%s", tc.args, code, out)
		}
	}
	l.Close()
	if worst := penalties.Worst(); worst <= 5*time.Second || worst > 6*time.Second {
		t.Errorf("penalties of %v; 5 s are for a refused key, and 1 s for a refused host", worst)
	}
}

// So it is with OpenSSH itself: four examinations in a row, of which three are refused, earn no refusal of the address.
func TestDoctorNoPenalty(t *testing.T) {
	program := os.Getenv("IAPSSH_SSHD")
	if program == "" {
		t.Skip("ci/penalties finds an sshd that is new enough")
	}
	l, err := lab.New(lab.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := startDaemon(t, program)
	l.Relay.Handle(lab.VM, 22, iaptest.TCP(d.addr))
	key, err := os.ReadFile(l.Files.Key + ".pub")
	if err == nil {
		err = os.WriteFile(d.keys, key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	trust := []string{"--doctor", "-o", "UserKnownHostsFile=" + filepath.Join(t.TempDir(), "known_hosts"), "-o", "StrictHostKeyChecking=accept-new"}
	for range 2 {
		if out, _ := runIn(t, l, append(trust, "-o", "IdentityFile="+writeOtherKey(t), lab.VM)...); !strings.Contains(out, "fail     login") {
			t.Errorf("a key that nobody knows:\n%s", out)
		}
	}
	if out, _ := runIn(t, l, "--doctor", lab.VM); !strings.Contains(out, "fail     host key") {
		t.Errorf("a host that nobody knows:\n%s", out)
	}
	if out, code := runIn(t, l, append(trust, lab.VM)...); code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	d.stop()
	if log := d.log.String(); strings.Contains(log, "drop connection") || !strings.Contains(log, "Accepted publickey") {
		t.Errorf("sshd says\n%s", log)
	}
}

// writeOtherKey makes a key that nobody knows.
func writeOtherKey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id_ed25519")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return path
}

var doctorBound = flag.Duration("doctorbound", 15*time.Second, "how long an examination may take; 5s on a quiet machine")

// What does not answer does not keep an examination from its end.
func TestDoctorIsNotKeptWaiting(t *testing.T) {
	t.Parallel()
	l, err := lab.New(lab.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Relay.Handle(lab.VM, 1, func(ctx context.Context) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	began := time.Now()
	out, code := runIn(t, l, "--doctor", "-p", "1", lab.VM)
	if took := time.Since(began); code != 1 || !strings.Contains(out, "fail     relay     IAP gave no answer about port 1") || took > *doctorBound {
		t.Errorf("exit code %d after %v\n%s", code, took, out)
	}
}
