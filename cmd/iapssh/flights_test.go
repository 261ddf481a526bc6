package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// slowLine leads to addr, each byte some time later. It counts what a round trip has to be waited for: the connections, and within
// them the flights, which begin when a client speaks after it has heard something.
type slowLine struct {
	net.Listener
	addr  string
	delay time.Duration
	work  sync.WaitGroup

	mu                   sync.Mutex // guards what follows
	connections, flights int
	heard                bool
}

func newSlowLine(t *testing.T, addr string, delay time.Duration) *slowLine {
	t.Helper()
	l := &slowLine{Listener: listen(t), addr: addr, delay: delay, heard: true}
	l.work.Go(l.serve)
	t.Cleanup(func() { l.Close(); l.work.Wait() })
	return l
}

func (l *slowLine) serve() {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.addr)
		if err != nil {
			near.Close()
			return
		}
		l.mu.Lock()
		l.connections++
		l.mu.Unlock()
		l.work.Go(func() { l.carry(far, near, l.spoken, func() {}) })
		l.work.Go(func() { l.carry(near, far, func() {}, l.hears) })
	}
}

func (l *slowLine) spoken() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard {
		l.heard = false
		l.flights++
	}
}

func (l *slowLine) hears() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = true
}

// carry delivers what is read, with calls for each piece that comes and goes.
func (l *slowLine) carry(to, from net.Conn, came, goes func()) {
	defer to.Close()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		came()
		time.Sleep(l.delay)
		goes()
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

func (l *slowLine) counts() (connections, flights int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.connections, l.flights
}

// From the start of the process to the session there are four round trips, if the token is at hand: one for the relay's name, which is
// spared here, one for TCP, and two flights: TLS, and the request with which the relay has all that it needs.
func TestFlightsToASession(t *testing.T) {
	l, err := lab.New(lab.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	line := newSlowLine(t, l.RelayAddr(), 150*time.Millisecond)
	l.Relay.Handle(lab.VM, 13, iaptest.Serve(func(c net.Conn) {
		if connections, flights := line.counts(); connections != 1 || flights != 2 {
			t.Errorf("%d connections and %d flights until the VM was asked for", connections, flights)
		}
		io.WriteString(c, "a session\n")
	}))
	cmd := exec.Command("iapssh", "--listen-on-stdin", "--private-service-connect="+line.Addr().String(), lab.VM, "13")
	cmd.Env = append(l.Environ(os.Environ()), "IAPSSH_RELAY_URL=", "CLOUDSDK_AUTH_ACCESS_TOKEN="+l.Google.Issue())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if text, err := bufio.NewReader(stdout).ReadString('\n'); text != "a session\n" {
		t.Errorf("read %q, %v", text, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
