//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/sshclient/sshtest/dialogue"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// runTool runs a program to its end.
func runTool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// curl reaches a web server by a name that the far side resolves.
func TestCurl(t *testing.T) {
	t.Parallel()
	page := strings.Repeat("a page\n", 100_000)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, page) }))
	defer web.Close()
	l := newLab(t)
	// Of a port that it chooses, sshd is content with one family of addresses: the other may be another test's.
	socks, there := freePort(t), freePort(t)
	p := startIapssh(t, l, "-N", "-v", "-D", socks, "-R", there, "lab-vm")
	p.await(t, "remote forward success for: listen "+there)
	port := web.Listener.Addr().(*net.TCPAddr).Port
	for _, proxy := range []string{socks, there} {
		for _, version := range []string{"socks5h", "socks4a", "socks5"} {
			got := runTool(t, "curl", "-sS", "--proxy", version+"://"+proxy, fmt.Sprintf("http://localhost:%d/", port))
			if got != page {
				t.Errorf("%s://%s: %d bytes of %d", version, proxy, len(got), len(page))
			}
		}
	}
	p.await(t, `Connection to port \d+ forwarding to (localhost) port `+strconv.Itoa(port)+` requested`)
	p.stop(t)
}

// rsync talks its own protocol with a daemon at the other end of -L.
func TestRsyncDaemon(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	data := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	if err := os.Mkdir(from, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := os.WriteFile(filepath.Join(from, strconv.Itoa(i)), data[i*1000:], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "rsyncd.conf")
	settings := fmt.Sprintf("use chroot = no\nlog file = %s/log\npid file = %s/pid\n[data]\npath = %s\nread only = yes\n", dir, dir, from)
	if err := os.WriteFile(config, []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon := freePort(t)
	_, port, _ := net.SplitHostPort(daemon)
	rsyncd := exec.Command("rsync", "--daemon", "--no-detach", "--config", config, "--port", port, "--address", "127.0.0.1")
	if err := rsyncd.Start(); err != nil {
		t.Fatal(err)
	}
	defer rsyncd.Wait()
	defer rsyncd.Process.Kill()
	here := filepath.Join(dialogue.SocketDir(t), "unused")
	local := freePort(t)
	p := startIapssh(t, newLab(t), "-N", "-v", "-L", local+":"+daemon, "-R", here+":"+daemon, "lab-vm")
	p.await(t, `remote forward (success) for: listen `)
	runTool(t, "sh", "-c", "until rsync rsync://"+daemon+" >/dev/null 2>&1; do sleep 0.1; done")
	runTool(t, "rsync", "-a", "rsync://"+local+"/data/", to)
	runTool(t, "diff", "-r", from, to)
	p.stop(t)
}

// Listeners, and the connections over them, outlive links.
func TestForwardsSurviveLinks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	service := dialogue.Serve(t, "tcp", dialogue.Patient)
	local := freePort(t)
	p := startIapssh(t, l, "-N", "-v", "-L", local+":"+service.Addr.String(), "-R", "127.0.0.1:0:"+service.Addr.String(), "lab-vm")
	remote := "127.0.0.1:" + p.await(t, `Allocated port (\d+) for remote forward to `)
	for range 2 {
		for _, address := range []string{local, remote} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			l.Relay.Strike(iaptest.Fault{Do: iaptest.Reset})
			service.Talk(t, conn)
		}
	}
	p.stop(t)
	if links := l.Relay.Sessions()[0].Links; links < 5 {
		t.Errorf("there were %d links", links)
	}
}

// A connection over a forward keeps ssh from ending with its command.
func TestForwardOutlivesCommand(t *testing.T) {
	t.Parallel()
	service := dialogue.Serve(t, "tcp", dialogue.Impatient)
	local := freePort(t)
	cmd := iapsshCommand(t, newLab(t), "-v", "-L", local+":"+service.Addr.String(), "-R", "0", "lab-vm", "cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, cmd)
	p.await(t, `remote forward (success) for: listen `)
	conn, err := net.Dial("tcp", local)
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, `Connection to port (\d+) forwarding to`)
	stdin.Close()
	p.await(t, `Exit status (0)`)
	service.Talk(t, conn)
	p.wait(t)
}

// Many connections through one dynamic forward: an idle one costs little, and nothing of them is left. 1,000 of them, and
// what they cost, with IAPSSH_FULL set, which wants the race detector off.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	full := os.Getenv("IAPSSH_FULL") != ""
	count := map[bool]int{false: 30, true: 1000}[full]
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go serveEcho(echo)
	socks := freePort(t)
	p := startIapssh(t, newLab(t), "-N", "-v", "-D", socks, "-R", "0", "lab-vm")
	p.await(t, `remote forward (success) for: listen `)

	cell := &forwardCell{dynamic: true, address: socks, service: &dialogue.Service{Addr: echo.Addr()}}
	dial := func() net.Conn {
		conn, err := cell.dial()
		if err != nil {
			t.Fatal(err)
		}
		chat(t, conn, 1<<10)
		return conn
	}
	dial().Close() // what the first one costs is no connection's
	before, files := p.memory(t), p.files(t)
	var conns []net.Conn
	for range count {
		conns = append(conns, dial())
	}
	each := (p.memory(t) - before) / int64(count)
	t.Logf("KiB for each of %d idle connections = %d (<= 100)", count, each>>10)
	if full && each > 100<<10 {
		t.Errorf("an idle connection costs %d KiB", each>>10)
	}
	for _, conn := range conns {
		chat(t, conn, 128<<10)
	}
	each = (p.memory(t) - before) / int64(count)
	t.Logf("KiB for each, right after 128 KiB there and back = %d", each>>10)
	for _, conn := range conns {
		conn.Close()
	}
	p.awaitFiles(t, files)
	p.stop(t)
}

// chat says something and hears it back.
func chat(t *testing.T, conn net.Conn, size int) {
	t.Helper()
	if _, err := conn.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
}

func serveEcho(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(conn, conn)
			conn.Close()
		}()
	}
}
