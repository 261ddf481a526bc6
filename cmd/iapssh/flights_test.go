package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/iapssh/iapssh/ci/line"
	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// From the start of the process to the session there are four round trips, if the token is at hand: one for the relay's name, which is
// spared here, one for TCP, and two flights: TLS, and the request with which the relay has all that it needs.
func TestFlightsToASession(t *testing.T) {
	l, err := lab.New(lab.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	way := delayed(t, l.RelayAddr(), 150*time.Millisecond)
	l.Relay.Handle(lab.VM, 13, iaptest.Serve(func(c net.Conn) {
		if connections, flights := way.Counts(); connections != 1 || flights != 2 {
			t.Errorf("%d connections and %d flights until the VM was asked for", connections, flights)
		}
		io.WriteString(c, "a session\n")
	}))
	cmd := exec.Command("iapssh", "--listen-on-stdin", "--private-service-connect="+way.Addr(), lab.VM, "13")
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

// delayed is a way to addr on which each byte arrives oneWay later.
func delayed(t *testing.T, addr string, oneWay time.Duration) *line.Delay {
	t.Helper()
	d, err := line.NewDelay(oneWay, func() (net.Conn, error) { return net.Dial("tcp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}
