package iap_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listenerVariable names a program, cmd/iapssh, whose tunnel on a local port BenchmarkBulk measures beside the clients of its own
// process.
const listenerVariable = "IAPSSH_BINARY"

// listener is a tunnel in a process of its own: whoever uses it pays for the local sockets, it for the rest.
type listener struct {
	addr string
	pid  int
}

// startListener gives nil where no program is named.
func startListener(b *testing.B, p *peer, port int) *listener {
	b.Helper()
	program := os.Getenv(listenerVariable)
	if program == "" {
		return nil
	}
	dir := b.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, p.CA, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(program, "--tunnel", "-F", "none", "--project=p", "--zone=z", "--local-host=127.0.0.1", "vm", fmt.Sprint(port))
	cmd.Env = append(os.Environ(), "HOME="+dir, "CLOUDSDK_CONFIG="+dir, "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE="+ca,
		"CLOUDSDK_AUTH_ACCESS_TOKEN=token", "IAPSSH_RELAY_URL="+p.URL)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() })
	l := &listener{pid: cmd.Process.Pid}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	var local int
	if _, scanErr := fmt.Sscanf(line, "Listening on port [%d].", &local); err != nil || scanErr != nil {
		b.Fatalf("%q, %v", line, err)
	}
	l.addr = fmt.Sprintf("127.0.0.1:%d", local)
	return l
}

// cpu is what the process has used, in seconds.
func (l *listener) cpu() float64 {
	const cpuClockOfProcess = 2 // CPUCLOCK_SCHED of a process, see clock_getcpuclockid(3)
	var t unix.Timespec
	if unix.ClockGettime(int32(^l.pid<<3|cpuClockOfProcess), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano()).Seconds()
}

func (l *listener) open() (stream, error) {
	c, err := net.Dial("tcp", l.addr)
	return localStream{c, l}, err
}

// localStream is a client of the listener.
type localStream struct {
	net.Conn
	l *listener
}

// settle returns when the listener is idle: what it has taken has been sent.
func (s localStream) settle() error {
	for before := -1.0; s.l.cpu() != before; {
		before = s.l.cpu()
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

func (s localStream) Close() error {
	s.Conn.(*net.TCPConn).SetLinger(0)
	return s.Conn.Close()
}
