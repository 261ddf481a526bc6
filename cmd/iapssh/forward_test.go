//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/proxy"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/sshclient/sshtest/dialogue"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// forwardRoutes are the ways to the server that the forwards of TestForwards take: arguments that end with the host.
var forwardRoutes = []struct {
	name string
	to   func(*lab.Lab) []string
}{
	{"IAP", func(*lab.Lab) []string { return []string{lab.VM} }},
	{"direct", func(l *lab.Lab) []string {
		host, port, _ := net.SplitHostPort(l.Addr)
		return []string{"-o", "IAP=no", "-p", port, host}
	}},
	{"jump over IAP", func(l *lab.Lab) []string {
		host, port, _ := net.SplitHostPort(l.Addr)
		return []string{"-J", lab.VM, "-p", port, host}
	}},
}

// Each kind of forward carries each direction of a connection to its end, whichever ends first, by each route, through
// OpenSSH's sshd.
func TestForwards(t *testing.T) {
	t.Parallel()
	for _, route := range forwardRoutes {
		t.Run(route.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for _, manners := range []dialogue.Manners{dialogue.Patient, dialogue.Impatient} {
				forwards := newForwardTable(t, manners)
				forwards.run(t, l, route.to(l))
			}
		})
	}
}

// newLab makes a lab whose relay must not see a rule broken.
func newLab(t *testing.T) *lab.Lab {
	t.Helper()
	return newStrictLab(t, lab.Config{})
}

// newStrictLab is newLab for a lab of some kind.
func newStrictLab(t *testing.T, cfg lab.Config) *lab.Lab {
	t.Helper()
	l := newTolerantLab(t, cfg)
	t.Cleanup(func() {
		l.Close()
		if v := l.Relay.Violations(); len(v) > 0 {
			t.Errorf("iapssh broke rules of the relay:\n%s", iaptest.Report(v))
		}
	})
	return l
}

// newTolerantLab makes a lab for programs that may be killed.
func newTolerantLab(t *testing.T, cfg lab.Config) *lab.Lab {
	t.Helper()
	cfg.Dir, cfg.SSHD = t.TempDir(), true
	l, err := lab.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// forwardTable is one process's forwards, one of each kind.
type forwardTable []*forwardCell

type forwardCell struct {
	name    string
	option  string // what iapssh is told
	network string // where it listens, as soon as that is known
	address string
	dynamic bool
	service *dialogue.Service
}

func newForwardTable(t *testing.T, manners dialogue.Manners) forwardTable {
	var table forwardTable
	for _, kind := range []string{"L", "R"} {
		for _, from := range []string{"tcp", "unix"} {
			for _, to := range []string{"tcp", "unix"} {
				c := &forwardCell{name: fmt.Sprintf("-%s %s to %s", kind, from, to), network: from, service: dialogue.Serve(t, to, manners)}
				c.listen(t, kind == "L")
				c.option = fmt.Sprintf("-%s%s:%s", kind, c.address, c.service.Addr)
				table = append(table, c)
			}
		}
	}
	for _, kind := range []string{"D", "R"} {
		c := &forwardCell{name: "-" + kind + " dynamic", network: "tcp", dynamic: true, service: dialogue.Serve(t, "tcp", manners)}
		c.listen(t, true) // that a port is chosen is tried above
		c.option = "-" + kind + c.address
		table = append(table, c)
	}
	return table
}

// listen chooses where the cell listens: a port of this machine, unless the server chooses it.
func (c *forwardCell) listen(t *testing.T, choose bool) {
	switch {
	case c.network == "unix":
		c.address = filepath.Join(dialogue.SocketDir(t), "listen")
	case choose:
		c.address = freePort(t)
	default:
		c.address = "127.0.0.1:0"
	}
}

// freePort finds a port that nobody listens on, and that no system gives to whoever asks for any. No other test is given it until this
// one ends: its UDP side is held, in the sight of other processes too.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12000+rand.N(16000))
		held, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		t.Cleanup(func() { held.Close() })
		listener, err := net.Listen("tcp", addr)
		if err == nil {
			listener.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// run talks through each of the forwards at once.
func (table forwardTable) run(t *testing.T, l *lab.Lab, to []string) {
	var args []string
	for _, c := range table {
		args = append(args, c.option)
	}
	p := startIapssh(t, l, append(append([]string{"-N", "-v", "-o", "ExitOnForwardFailure=yes"}, args...), to...)...)
	for _, c := range table {
		if c.address == "127.0.0.1:0" {
			port := p.await(t, `Allocated port (\d+) for remote forward to `+regexp.QuoteMeta(c.service.Addr.String()))
			c.address = "127.0.0.1:" + port
		}
	}
	p.await(t, `remote forward success for: listen \S+, connect (socks):0`) // the last one
	var cells sync.WaitGroup
	for _, c := range table {
		cells.Go(func() {
			conn, err := c.dial()
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				return
			}
			c.service.Talk(t, conn)
		})
	}
	cells.Wait()
	p.stop(t)
}

func (c *forwardCell) dial() (net.Conn, error) {
	if !c.dynamic {
		return net.Dial(c.network, c.address)
	}
	direct := &keepingDialer{}
	dialer, err := proxy.SOCKS5("tcp", c.address, nil, direct)
	if err == nil {
		_, err = dialer.Dial("tcp", c.service.Addr.String())
	}
	return direct.conn, err
}

// keepingDialer keeps what the SOCKS client wraps into something without CloseWrite.
type keepingDialer struct{ conn net.Conn }

func (d *keepingDialer) Dial(network, address string) (net.Conn, error) {
	var err error
	d.conn, err = net.Dial(network, address)
	return d.conn, err
}

// iapsshProcess is an iapssh that runs beside the test.
type iapsshProcess struct {
	cmd   *exec.Cmd
	lines chan string // of its messages
	said  []string
}

// iapsshCommand is this program, as the command that it tests, in a lab.
func iapsshCommand(t *testing.T, l *lab.Lab, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "iapssh"
	cmd.Env = l.Environ(os.Environ())
	return cmd
}

func startIapssh(t *testing.T, l *lab.Lab, args ...string) *iapsshProcess {
	t.Helper()
	return startProcess(t, iapsshCommand(t, l, args...))
}

// startProcess starts an ssh that ends with the test.
func startProcess(t *testing.T, cmd *exec.Cmd) *iapsshProcess {
	t.Helper()
	messages, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &iapsshProcess{cmd: cmd, lines: make(chan string, 1000)}
	go p.read(messages)
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%v said:\n%q", cmd.Args, p.said)
		}
	})
	return p
}

func (p *iapsshProcess) read(messages io.Reader) {
	defer close(p.lines)
	for scanner := bufio.NewScanner(messages); scanner.Scan(); {
		p.lines <- scanner.Text()
	}
}

// await waits for a line, whenever it came, and returns the part of it in parentheses.
func (p *iapsshProcess) await(t *testing.T, pattern string) string {
	t.Helper()
	line := regexp.MustCompile(pattern)
	for i := 0; ; i++ {
		if i == len(p.said) {
			next, ok := <-p.lines
			if !ok {
				t.Fatalf("it has ended without saying %q", pattern)
			}
			p.said = append(p.said, next)
		}
		if found := line.FindStringSubmatch(p.said[i]); found != nil {
			return found[len(found)-1]
		}
	}
}

// stop ends it as a user would.
func (p *iapsshProcess) stop(t *testing.T) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.wait(t)
}

// wait waits for its end, as all is well.
func (p *iapsshProcess) wait(t *testing.T) {
	t.Helper()
	p.ends(t, 0)
}

// ends waits for its end, with that exit code.
func (p *iapsshProcess) ends(t *testing.T, code int) {
	t.Helper()
	for line := range p.lines {
		p.said = append(p.said, line)
	}
	if err := p.cmd.Wait(); p.cmd.ProcessState.ExitCode() != code {
		t.Errorf("it has ended with %v, not with exit code %d", err, code)
	}
}

// memory is what the process has in use. It skips the test where the system does not tell.
func (p *iapsshProcess) memory(t *testing.T) (bytes int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skipf("the system does not tell what a process uses: %v", err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(after, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}

// files counts the process's open files.
func (p *iapsshProcess) files(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// awaitFiles waits until no more than so many files are open.
func (p *iapsshProcess) awaitFiles(t *testing.T, count int) {
	t.Helper()
	for range 200 {
		if p.files(t) <= count {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d files are open, %d were", p.files(t), count)
}
