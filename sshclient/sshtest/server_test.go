//go:build unix

package sshtest_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server whose sessions are served by a function of the test.
func Example() {
	server := sshtest.NewServer()
	server.AllowAll = true
	server.Handler = func(s *sshtest.Session) sshtest.Exit {
		fmt.Fprintf(s.Stdout, "%s runs %q\n", s.User, s.Command)
		return sshtest.Exit{Status: 3}
	}
	defer server.Close()

	conn, chans, reqs, err := ssh.NewClientConn(server.Dial(), "lab", &ssh.ClientConfig{
		User:            "alice",
		HostKeyCallback: ssh.FixedHostKey(server.HostKey()),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := ssh.NewClient(conn, chans, reqs)
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := session.Output("date")
	fmt.Print(string(out))
	fmt.Println(err)
	// Output:
	// alice runs "date"
	// Process exited with status 3
}

// stock returns OpenSSH's client, set to reach the server and nothing else.
func stock(t *testing.T, server *sshtest.Server, args ...string) *exec.Cmd {
	t.Helper()
	program, err := exec.LookPath("ssh")
	if err != nil {
		t.Skipf("OpenSSH's ssh is not installed: %v", err)
	}
	_, port, err := net.SplitHostPort(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(program, append([]string{
		"-F", "none", "-p", port, "-l", "alice", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "IdentityAgent=none", "127.0.0.1",
	}, args...)...)
}

func start(t *testing.T) *sshtest.Server {
	t.Helper()
	server := sshtest.NewServer()
	server.AllowAll = true
	server.Shell = []string{"/bin/sh"}
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func TestStockSSH(t *testing.T) {
	server := start(t)
	for _, test := range []struct {
		name   string
		args   []string
		stdin  string
		want   string
		status int
	}{
		{name: "command", args: []string{"cat; exit 7"}, stdin: "text", want: "text", status: 7},
		{name: "shell", stdin: "echo from shell; exit 5\n", want: "from shell\n", status: 5},
		{name: "terminal", args: []string{"-tt", "test -t 0 && test -t 1 && stty size && echo $TERM"}, want: "0 0\r\ndumb\r\n"},
		{name: "signal", args: []string{"kill -KILL $$"}, status: 255},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := stock(t, server, test.args...)
			cmd.Env = append(cmd.Environ(), "TERM=dumb")
			cmd.Stdin = strings.NewReader(test.stdin)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			cmd.Run()
			if out.String() != test.want || cmd.ProcessState.ExitCode() != test.status {
				t.Errorf("output %q, status %d, errors %q; want %q, %d",
					out.String(), cmd.ProcessState.ExitCode(), errs.String(), test.want, test.status)
			}
		})
	}
}

// A session on a terminal ends with its command, also if others still hold the
// terminal; all of the command's output arrives.
func TestTerminalHeldInBackground(t *testing.T) {
	out, err := stock(t, start(t), "-tt", "trap '' HUP; sleep 1 & head -c 100000 /dev/zero | tr '\\0' x; exit 0").Output()
	if err != nil || len(out) != 100000 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

func TestCloseEndsCommands(t *testing.T) {
	for _, args := range [][]string{{"echo ready; exec sleep 1000"}, {"-tt", "echo ready; exec sleep 1000"}} {
		server := start(t)
		cmd := stock(t, server, args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 5)); err != nil {
			t.Error(err)
		}
		server.Close() // returns only when the command has ended
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err == nil {
			t.Errorf("%q: ssh ended well", args)
		}
	}
}

func TestNobodyMayByDefault(t *testing.T) {
	server := sshtest.NewServer()
	defer server.Close()
	_, _, _, err := ssh.NewClientConn(server.Dial(), "lab", &ssh.ClientConfig{
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(sshtest.NewKey())},
		HostKeyCallback: ssh.FixedHostKey(server.HostKey()),
	})
	if err == nil || len(server.Logins()) > 0 {
		t.Errorf("error %v, logins %v", err, server.Logins())
	}
}

func TestDialAfterClose(t *testing.T) {
	server := sshtest.NewServer()
	server.Close()
	if _, err := server.Dial().Read(make([]byte, 1)); err == nil {
		t.Error("a closed server is there")
	}
}
