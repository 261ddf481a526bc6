//go:build unix

package sshclient

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/ci/line"
)

// A command's first output must not take more round trips than with stock ssh.
func TestRoundTrips(t *testing.T) {
	server := newSSHD(t)
	way, err := line.NewDelay(30*time.Millisecond, server.Dial)
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	dir := t.TempDir()
	key := server.login.write(t, dir, "key", "")
	known := writeFile(t, dir, "known", []byte("sshd "+string(ssh.MarshalAuthorizedKey(server.hostKeys[0].public))))
	const command = "echo out; sleep 0.2" // the end is no part of it

	_, port, _ := net.SplitHostPort(way.Addr())
	stock := func(first func()) {
		cmd := exec.Command("ssh", "-F", "none", "-p", port, "-i", key, "-o", "IdentitiesOnly=yes", "-o", "HostKeyAlias=sshd",
			"-o", "UserKnownHostsFile="+known, "-o", "UpdateHostKeys=no", server.user+"@127.0.0.1", command)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		out.Read(make([]byte, 4))
		first()
		cmd.Wait()
	}
	ours := func(first func()) {
		conn, err := net.Dial("tcp", way.Addr())
		if err != nil {
			t.Fatal(err)
		}
		config := server.settings(t)
		config.Auth.Identities = []Identity{{Path: key}}
		client, err := Handshake(t.Context(), conn, config)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		session, err := client.Start(t.Context(), Command{Exec: command, Env: []string{"LC_A=1"}})
		if err != nil {
			t.Fatal(err)
		}
		session.Run(Streams{Stdout: firstWrite(first)})
	}
	// A busy machine may tear a flight apart, or be so slow to send that two are one.
	for try := range 3 {
		our, stocks := flightsTo(way, ours), flightsTo(way, stock)
		t.Logf("flights to the first output: %d, stock ssh %d", our, stocks)
		if our <= stocks {
			break
		}
		if try == 2 {
			t.Errorf("%d flights to the first output, stock ssh %d", our, stocks)
		}
	}
}

// flightsTo is the number of flights until try calls first.
func flightsTo(way *line.Delay, try func(first func())) (flights int) {
	try(func() { _, flights = way.Counts() })
	return flights
}

// firstWrite is a Writer that calls itself at what is written first.
type firstWrite func()

func (w firstWrite) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}
