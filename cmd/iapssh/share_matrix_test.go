//go:build unix

package main

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/lab"
)

// Whoever is the master and whoever the client, ours or stock ssh: sessions, forwards and requests are alike.
func TestSharingMatrix(t *testing.T) {
	t.Parallel()
	l := newSharingLab(t, lab.Config{SSHD: true})
	hosts := map[string]string{"iapssh": lab.VM, "ssh": "lab-direct"}
	for _, master := range []string{"iapssh", "ssh"} {
		socket := master + ".s"
		for _, client := range []string{"iapssh", "ssh"} {
			t.Run(master+" for "+client, func(t *testing.T) {
				holder := l.command(master, "-MN", "-S", socket, hosts[master])
				if err := holder.Start(); err != nil {
					t.Fatal(err)
				}
				defer holder.Wait()
				defer holder.Process.Kill()
				m := &pair{t: t, lab: l, client: client, words: []string{"-S", socket}, host: hosts[client]}
				m.awaitMaster()
				m.sessions()
				m.forwards()
				if master == "iapssh" {
					m.killed(socket)
				}
				m.requests(socket, master == "iapssh" && client == "iapssh")
			})
		}
	}
}

// pair is a client with a master.
type pair struct {
	t      *testing.T
	lab    *sharingLab
	client string
	words  []string // that lead to the master
	host   string
}

// run runs the client, with options before the host and a command behind it.
func (m *pair) run(stdin string, options []string, command ...string) (stdout, stderr string, code int) {
	m.t.Helper()
	cmd := m.command(options, command...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	stop := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stop.Stop()
	if err := cmd.Run(); cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (m *pair) command(options []string, command ...string) *exec.Cmd {
	words := append(append(append([]string{}, m.words...), options...), m.host)
	return m.lab.command(m.client, append(words, command...)...)
}

func (m *pair) awaitMaster() {
	m.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if _, said, code := m.run("", []string{"-O", "check"}); code == 0 {
			return
		} else if time.Now().After(deadline) {
			m.t.Fatalf("no master: %s", said)
		}
	}
}

func (m *pair) sessions() {
	m.t.Helper()
	out, errs, code := m.run("in", nil, "cat; echo err >&2; exit 7")
	if out != "in" || errs != "err\n" || code != 7 {
		m.t.Errorf("exec: %q, %q, %d", out, errs, code)
	}
	if out, errs, code := m.run("", []string{"-tt"}, "tty; stty size; exit 3"); !strings.HasPrefix(out, "/dev/") || code != 3 {
		m.t.Errorf("terminal: %q, %q, %d", out, errs, code)
	}
	if out, errs, code := m.run("echo $((6*7)); exit 5\n", []string{"-T"}); out != "42\n" || code != 5 {
		m.t.Errorf("shell: %q, %q, %d", out, errs, code)
	}
	if out, errs, code := m.run("", []string{"-O", "proxy"}, "echo proxied; exit 4"); out != "proxied\n" || code != 4 {
		m.t.Errorf("proxied: %q, %q, %d", out, errs, code)
	}
	// The far side greets first.
	cmd := m.command([]string{"-W", m.lab.Addr})
	stdin, err := cmd.StdinPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.greets("-W", stdout)
	stdin.Close()
	cmd.Process.Kill()
	cmd.Wait()
}

// greets reads what an SSH server says first.
func (m *pair) greets(what string, from io.Reader) {
	m.t.Helper()
	greeting := make([]byte, len("SSH-2.0-"))
	if _, err := io.ReadFull(from, greeting); err != nil || string(greeting) != "SSH-2.0-" {
		m.t.Errorf("%s: %q, %v", what, greeting, err)
	}
}

// killed checks that nothing is left with our master of a client that is killed in mid-session.
func (m *pair) killed(socket string) {
	m.t.Helper()
	cmd := m.command(nil, "echo in; cat /dev/zero")
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1<<20)); err != nil {
		m.t.Error(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	list := m.lab.command("iapssh", "-S", socket, "-O", "channels", lab.VM)
	for deadline := time.Now().Add(patience); ; list = m.lab.command("iapssh", list.Args[1:]...) {
		said, err := list.Output()
		if err == nil && !bytes.Contains(said, []byte("#")) {
			return
		}
		if time.Now().After(deadline) {
			m.t.Errorf("what a killed client had open: %q, %v", said, err)
			return
		}
	}
}

func (m *pair) forwards() {
	m.t.Helper()
	local, remote := filepath.Join(m.lab.dir, "L"), filepath.Join(m.lab.dir, "R")
	proxy := freePort(m.t)
	all := []string{"-L", local + ":" + m.lab.Addr, "-R", remote + ":" + m.lab.Addr, "-D", proxy}
	check := func(how string) {
		m.t.Helper()
		for _, path := range []string{local, remote} {
			conn, err := net.Dial("unix", path)
			if err != nil {
				m.t.Errorf("%s: %v", how, err)
				continue
			}
			m.greets(how+" "+filepath.Base(path), conn)
			conn.Close()
		}
		m.greets(how+" D", m.throughSOCKS(proxy))
	}
	if _, errs, code := m.run("", all, "true"); code != 0 {
		m.t.Errorf("with forwards: %s", errs)
	}
	check("with a session") // they stay
	if _, errs, code := m.run("", append([]string{"-O", "cancel"}, all...)); code != 0 {
		m.t.Errorf("cancel: %s", errs)
	}
	if conn, err := net.Dial("tcp", proxy); err == nil {
		conn.Close()
		m.t.Error("cancelled, and still there")
	}
	os.Remove(local)
	os.Remove(remote) // sshd leaves them
	if _, errs, code := m.run("", append([]string{"-O", "forward"}, all...)); code != 0 {
		m.t.Errorf("forward: %s", errs)
	}
	check("asked for")
	out, errs, code := m.run("", []string{"-O", "forward", "-R", "0:" + m.lab.Addr})
	if chosen, err := strconv.Atoi(strings.TrimSpace(out)); err != nil || chosen == 0 || code != 0 {
		m.t.Errorf("a port of the server's choice: %q, %q, %d", out, errs, code)
	}
	m.run("", append([]string{"-O", "cancel"}, all...))
	os.Remove(local)
	os.Remove(remote)
}

// throughSOCKS connects to the VM's server by way of a proxy.
func (m *pair) throughSOCKS(proxy string) io.Reader {
	m.t.Helper()
	conn, err := net.Dial("tcp", proxy)
	if err != nil {
		m.t.Error(err)
		return strings.NewReader("")
	}
	m.t.Cleanup(func() { conn.Close() })
	to := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(m.lab.Addr))
	conn.Write([]byte{5, 1, 0})
	conn.Write(append(append([]byte{5, 1, 0, 1}, to.IP.To4()...), byte(to.Port>>8), byte(to.Port)))
	if _, err := io.ReadFull(conn, make([]byte, 2+10)); err != nil {
		m.t.Error(err)
	}
	return conn
}

func (m *pair) requests(socket string, information bool) {
	m.t.Helper()
	if information { // OpenSSH's before 10.1 does not know these
		if out, errs, _ := m.run("", []string{"-O", "conninfo"}); !strings.Contains(out, "\r\n  cipher ") {
			m.t.Errorf("conninfo: %q, %q", out, errs)
		}
		if out, errs, _ := m.run("", []string{"-O", "channels"}); !strings.HasPrefix(out, "The following connections are open:\r\n") {
			m.t.Errorf("channels: %q, %q", out, errs)
		}
	}
	path := filepath.Join(m.lab.dir, socket)
	kept, err := net.Dial("unix", path) // who is there already may stay
	if err != nil {
		m.t.Fatal(err)
	}
	defer kept.Close()
	if _, errs, code := m.run("", []string{"-O", "stop"}); code != 0 || !strings.HasPrefix(errs, "Stop listening request sent.\r\n") {
		m.t.Errorf("stop: %q, %d", errs, code)
	}
	if _, err := os.Lstat(path); err == nil {
		m.t.Error("it still listens")
	}
	if _, errs, code := m.run("", []string{"-O", "exit"}); code != 255 || !strings.Contains(errs, "No such file or directory") {
		m.t.Errorf("exit of none: %q, %d", errs, code)
	}
}
