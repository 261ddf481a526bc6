//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	cryptossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/sshclient/sshtest"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// dropIn is a lab in which "gcloud" is iapssh --gcloud, and "iapproxy" is iapssh as well. The lab's VM has OpenSSH, and lets in whom
// OS Login lets in. The others are
//
//	inner     has no external address, and has published its host key
//	outer     has one, which is this machine, as is its internal one
//	unproved  has published nothing
//
// On their ports 3389 and 80 everything is echoed, and sudo prints its arguments.
type dropIn struct {
	*lab.Lab
	bin     string
	servers map[string]*sshtest.Server
}

func newDropIn(t *testing.T) *dropIn {
	d := &dropIn{Lab: newStrictLab(t, lab.Config{Granted: true}), bin: t.TempDir(), servers: map[string]*sshtest.Server{}}
	d.script(t, "gcloud", `exec iapssh --gcloud "$@"`)
	d.script(t, "ssh", `exec `+filepath.Join(d.Files.Bin, "ssh")+` -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$@"`)
	d.script(t, "sudo", `echo sudo "$@"`)
	key, err := readPublicKey(d.Files.Key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	proves := map[string]string{"enable-guest-attributes": "TRUE"}
	lets := func(k cryptossh.PublicKey) bool { return same(k, key) }
	d.vm(t, googletest.Instance{Name: "inner", Metadata: proves}, lets)
	d.vm(t, googletest.Instance{Name: "outer", Internal: "127.0.0.1", External: "127.0.0.1", Metadata: proves}, lets)
	d.vm(t, googletest.Instance{Name: "unproved"}, lets)
	d.Google.AddInstance(lab.Project, googletest.Instance{Name: lab.VM, Zone: lab.Zone, ID: d.VMID,
		Metadata: map[string]string{"enable-oslogin": "TRUE", "enable-guest-attributes": "TRUE"}})
	d.Google.Publish(lab.Project, lab.Zone, lab.VM, "hostkeys/ssh-ed25519", text(d.HostKey))
	d.Google.SetLogin(localUser())
	d.trustHost(t)
	other := fmt.Sprintf("[core]\nproject = %s\n[compute]\nzone = %s\n", lab.Project, lab.Zone)
	d.write(t, filepath.Join(d.Files.GCloud, "configurations", "config_work"), other)
	d.write(t, filepath.Join(d.Files.GCloud, "configurations", "config_elsewhere"), "[core]\nproject = nowhere\n")
	return d
}

// vm adds a VM with a server of its own.
func (d *dropIn) vm(t *testing.T, instance googletest.Instance, authorize func(cryptossh.PublicKey) bool) {
	s := sshtest.NewServer()
	s.Authorize, s.Shell, s.Dir = authorize, []string{"/bin/sh"}, d.Files.Home
	s.Env = []string{"HOME=" + d.Files.Home, "PATH=" + d.bin + ":" + os.Getenv("PATH")}
	s.Start()
	t.Cleanup(s.Close)
	instance.Zone = lab.Zone
	d.Google.AddInstance(lab.Project, instance)
	if instance.Metadata["enable-guest-attributes"] != "" {
		d.Google.Publish(lab.Project, lab.Zone, instance.Name, "hostkeys/ssh-ed25519", text(s.HostKey()))
	}
	d.Relay.Handle(instance.Name, 22, iaptest.TCP(s.Addr))
	for _, port := range []int{80, 3389} {
		d.Relay.Handle(instance.Name, port, iaptest.Echo())
	}
	d.servers[instance.Name] = s
}

// trustHost makes the key of the network's host known, which nothing else proves.
func (d *dropIn) trustHost(t *testing.T) {
	d.Relay.Handle(lab.Host, 3389, iaptest.Echo())
	known, err := os.ReadFile(d.Files.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Join([]string{lab.Host, lab.Network, lab.Region, lab.Project}, ".")
	d.write(t, d.Files.KnownHosts, string(known)+knownhosts.Line([]string{name}, d.HostKey)+"\n")
}

func same(a, b cryptossh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

func (d *dropIn) write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d *dropIn) script(t *testing.T, name, line string) {
	t.Helper()
	d.write(t, filepath.Join(d.bin, name), "#!/bin/sh\n"+line+"\n")
	if err := os.Chmod(filepath.Join(d.bin, name), 0o700); err != nil {
		t.Fatal(err)
	}
}

// documented is a command line as a page has it, the names of its examples apart, and what it must do.
type documented struct {
	line  string
	stdin string
	env   []string
	home  func(t *testing.T, d *dropIn, home string) // furnishes a home of its own; nil: the lab's

	stdout, stderr string // expressions that match; empty: any
	silent         string // one that stderr must not match
	code           int
	client         func(t *testing.T, port string) // of a line that listens; which is then ended
	check          func(t *testing.T, d *dropIn, home string)
}

// run runs the line in a shell and checks what comes of it.
func (d *dropIn) run(t *testing.T, row documented) {
	home := d.Files.Home
	if row.home != nil {
		home = t.TempDir()
		if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
			t.Fatal(err)
		}
		row.home(t, d, home)
	}
	cmd := exec.Command("sh", "-c", row.line)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(row.stdin), &stderr
	cmd.Dir = home
	cmd.Env = append(append(d.Environ(os.Environ()), "PATH="+d.bin+":"+d.Path(os.Getenv("PATH"), ""), "HOME="+home), row.env...)
	stop := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stop.Stop()
	if row.client != nil {
		d.serve(t, cmd, &stdout, row.client)
	} else {
		cmd.Stdout = &stdout
		_ = cmd.Run() // see the code
	}
	if code := cmd.ProcessState.ExitCode(); code != row.code {
		t.Errorf("code %d, want %d", code, row.code)
	}
	match(t, "stdout", row.stdout, stdout.String())
	match(t, "stderr", row.stderr, stderr.String())
	if row.silent != "" && regexp.MustCompile(row.silent).MatchString(stderr.String()) {
		t.Errorf("stderr matches %s", row.silent)
	}
	if row.check != nil {
		row.check(t, d, home)
	}
	if t.Failed() {
		t.Logf("%s\nstdout: %s\nstderr: %s", row.line, stdout.String(), stderr.String())
	}
}

func match(t *testing.T, what, want, got string) {
	t.Helper()
	if want != "" && !regexp.MustCompile("(?m)"+want).MatchString(got) {
		t.Errorf("%s does not match %s", what, want)
	}
}

// serve has a client use what listens, as soon as that says so, and ends it in order.
func (d *dropIn) serve(t *testing.T, cmd *exec.Cmd, stdout *bytes.Buffer, client func(*testing.T, string)) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(io.TeeReader(out, stdout))
	said, _ := lines.ReadString('\n')
	port := regexp.MustCompile(`^Listening on port \[(\d+)\]\.\n$`).FindStringSubmatch(said)
	if port == nil {
		t.Errorf("it says %q", said)
	} else {
		client(t, port[1])
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, lines)
	_ = cmd.Wait()
}

// echoes is a client of what echoes.
func echoes(t *testing.T, port string) {
	conn, err := net.Dial("tcp", net.JoinHostPort("localhost", port))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	back := make([]byte, 6)
	if _, err = io.WriteString(conn, "hello\n"); err == nil {
		_, err = io.ReadFull(conn, back)
	}
	if err != nil || string(back) != "hello\n" {
		t.Errorf("%q came back: %v", back, err)
	}
}

// greets is a client of an SSH server.
func greets(t *testing.T, port string) {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "SSH-2.0-") {
		t.Errorf("%q: %v", line, err)
	}
}
