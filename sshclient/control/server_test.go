//go:build unix

package control_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/control"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// socketPath is short: a test's own directory may be too long for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// share shares a connection to an SSH server in memory.
func share(t *testing.T, prepare func(*sshtest.Server, *control.ServerConfig)) (server *control.Server, path string) {
	t.Helper()
	vm := sshtest.NewServer()
	vm.AllowAll = true
	vm.Shell = []string{"/bin/sh"}
	cfg := control.ServerConfig{Host: "lab"}
	if prepare != nil {
		prepare(vm, &cfg)
	}
	t.Cleanup(vm.Close)
	client, err := sshclient.Handshake(t.Context(), vm.Dial(), sshclient.Config{User: "alice", Host: "lab", Trust: sshclient.TrustKeys(vm.HostKey())})
	if err != nil {
		t.Fatal(err)
	}
	path = socketPath(t)
	listener, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Client = client
	server = control.Serve(listener, cfg)
	t.Cleanup(func() { client.Close(); server.Close() })
	return server, path
}

// sessions are what every master has to carry as if the connection were one's own.
var sessions = []struct {
	name    string
	command sshclient.Command
	stdin   string
	out     string
	errs    string
	status  int
}{
	{name: "command", command: sshclient.Command{Exec: "cat; echo oh >&2; exit 7"}, stdin: "text", out: "text", errs: "oh\n", status: 7},
	{name: "shell", stdin: "echo hi; exit 3\n", out: "hi\n", status: 3},
	{name: "environment", command: sshclient.Command{Exec: "echo $COLOUR", Env: []string{"COLOUR=green"}}, out: "green\n"},
	{name: "terminal", command: sshclient.Command{Exec: "stty size", PTY: &sshclient.PTY{Term: "dumb", Size: sshclient.Size{Columns: 71, Rows: 17}}}, out: "17 71\r\n"},
	{name: "signal", command: sshclient.Command{Exec: "kill -KILL $$"}, status: 255},
	{name: "much", command: sshclient.Command{Exec: "head -c 3000000 /dev/zero | tr '\\0' x"}, out: strings.Repeat("x", 3000000)},
	{name: "there and back", command: sshclient.Command{Exec: "cat"}, stdin: strings.Repeat("y", 3000000), out: strings.Repeat("y", 3000000)},
}

func testSessions(t *testing.T, client *sshclient.Client) {
	for _, test := range sessions {
		t.Run(test.name, func(t *testing.T) {
			session, err := client.Start(t.Context(), test.command)
			if err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			result := session.Run(sshclient.Streams{Stdin: strings.NewReader(test.stdin), Stdout: &out, Stderr: &errs})
			if out.String() != test.out || errs.String() != test.errs || result.ExitCode() != test.status {
				t.Errorf("output %.80q (%d), errors %q, %+v; want %.80q (%d), %q, %d",
					out.String(), out.Len(), errs.String(), result, test.out, len(test.out), test.errs, test.status)
			}
		})
	}
}

func TestSessions(t *testing.T) {
	_, path := share(t, nil)
	testSessions(t, join(t, path))
}

func TestSessionsOnStockMaster(t *testing.T) {
	testSessions(t, join(t, startStock(t, startServer(t))))
}

// A terminal changes its size, and a command gets a signal.
func TestSessionIsTold(t *testing.T) {
	_, path := share(t, nil)
	client := join(t, path)
	session, err := client.Start(t.Context(), sshclient.Command{
		Exec: "trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.02; done",
		PTY:  &sshclient.PTY{Term: "dumb", Size: sshclient.Size{Columns: 80, Rows: 24}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out := &onText{text: "ready", do: func() { session.Resize(sshclient.Size{Columns: 90, Rows: 30}) }}
	if result := session.Run(sshclient.Streams{Stdout: out}); result.Status != 4 || !strings.Contains(out.String(), "30 90") {
		t.Errorf("%+v, output %q", result, out.String())
	}
}

// onText collects what is written, and does something once it has seen a text.
type onText struct {
	bytes.Buffer
	text string
	do   func()
}

func (o *onText) Write(p []byte) (int, error) {
	n, err := o.Buffer.Write(p)
	if o.do != nil && strings.Contains(o.String(), o.text) {
		o.do()
		o.do = nil
	}
	return n, err
}

// A client that hangs up takes its command with it, and nobody else's.
func TestHangUp(t *testing.T) {
	server, path := share(t, nil)
	first, second := join(t, path), join(t, path)
	doomed, err := first.Start(t.Context(), sshclient.Command{Exec: "echo $$; exec sleep 600", PTY: &sshclient.PTY{Term: "dumb"}})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := second.Start(t.Context(), sshclient.Command{Exec: "cat"})
	if err != nil {
		t.Fatal(err)
	}
	said := &onText{text: "\n", do: func() { go first.Close() }}
	doomed.Run(sshclient.Streams{Stdout: said})
	process, err := strconv.Atoi(strings.TrimSpace(said.String()))
	if err != nil {
		t.Fatal(err)
	}
	for syscall.Kill(process, 0) == nil {
		time.Sleep(time.Millisecond) // it is the system's to end it
	}
	var out bytes.Buffer
	if result := kept.Run(sshclient.Streams{Stdin: strings.NewReader("kept"), Stdout: &out}); result.ExitCode() != 0 || out.String() != "kept" {
		t.Errorf("the other's session: %+v, %q", result, out.String())
	}
	second.Close()
	server.Wait(t.Context(), 0) // both have gone
}

func TestRefusals(t *testing.T) {
	_, path := share(t, func(vm *sshtest.Server, _ *control.ServerConfig) { vm.RefuseOpen = true })
	client := join(t, path)
	_, err := client.Start(t.Context(), sshclient.Command{})
	if _, ok := errors.AsType[*ssh.OpenChannelError](err); !ok {
		t.Errorf("got %v", err)
	}
	if _, err := client.Ping(); err != nil {
		t.Errorf("no sign of life: %v", err)
	}
}

// The user is asked, and says no.
func TestDenied(t *testing.T) {
	var asked []string
	server, path := share(t, func(_ *sshtest.Server, cfg *control.ServerConfig) {
		cfg.Confirm = func(_ context.Context, question string) bool {
			asked = append(asked, question)
			return false
		}
	})
	master := dial(t, path)
	_, errForward := master.OpenForward(sshclient.Forward{Listen: sshclient.Endpoint{Port: 8080}, Connect: sshclient.Endpoint{Host: "h", Port: 80}})
	for _, err := range []error{errForward, master.Exit(), master.StopListening()} {
		if refused, ok := errors.AsType[*control.RefusedError](err); !ok || !refused.Denied {
			t.Errorf("got %v", err)
		}
	}
	if _, err := master.Join(sshclient.Config{}); err == nil {
		t.Error("joined")
	}
	select {
	case <-server.Exit():
		t.Error("it ends all the same")
	default:
	}
	want := []string{"Open local forward :8080 -> h:80 on lab?", "Terminate shared connection to lab? ",
		"Disable further multiplexing on shared connection to lab? ", "Allow multiplex proxy connection?"}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestRequests(t *testing.T) {
	server, path := share(t, nil)
	master := dial(t, path)
	if master.PID != os.Getpid() {
		t.Errorf("process %d", master.PID)
	}
	info, err := master.ConnectionInfo()
	if err != nil || !strings.Contains(info, "Connection information for ") || !strings.Contains(info, "  cipher ") {
		t.Errorf("%q, %v", info, err)
	}
	client := join(t, path)
	session, err := client.Start(t.Context(), sshclient.Command{Exec: "cat"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if list, err := master.ChannelInfo(); err != nil || !strings.Contains(list, "#0 client-session") {
		t.Errorf("%q, %v", list, err)
	}
	if err := master.StopListening(); err != nil {
		t.Error(err)
	}
	if _, err := control.Dial(t.Context(), path); !errors.Is(err, control.ErrNone) {
		t.Errorf("it still listens: %v", err)
	}
	if err := master.Exit(); err != nil {
		t.Error(err)
	}
	<-server.Exit()
}

func TestForwards(t *testing.T) {
	_, path := share(t, nil)
	master := dial(t, path)
	socket := socketPath(t)
	forward := sshclient.Forward{Listen: sshclient.Endpoint{Path: socket}, Connect: sshclient.Endpoint{Host: "h", Port: 1}}
	for range 2 { // the second time it is open already
		if _, err := master.OpenForward(forward); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(socket); err != nil {
		t.Errorf("nobody listens: %v", err)
	}
	if err := master.CloseForward(forward); err != nil {
		t.Error(err)
	}
	err := master.CloseForward(forward)
	if refused, ok := errors.AsType[*control.RefusedError](err); !ok || refused.Reason != "port not forwarded" {
		t.Errorf("got %v", err)
	}
	if _, err := master.OpenForward(sshclient.Forward{Listen: sshclient.Endpoint{Port: 1}, Connect: sshclient.Endpoint{Host: "h"}}); err == nil {
		t.Error("a forward to nowhere is open")
	}
}

func TestListen(t *testing.T) {
	path := socketPath(t)
	listener, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := control.Listen(path); !errors.Is(err, control.ErrExists) {
		t.Errorf("twice: %v", err)
	}
	names, _ := os.ReadDir(filepath.Dir(path))
	if len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	os.Remove(path)
	successor, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error("who leaves has removed the socket of another")
	}
	successor.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there")
	}
	if _, err := control.Listen(strings.Repeat("x", 200)); err == nil {
		t.Error("a path that long is none")
	}
}

// The connection dies: clients know.
func TestConnectionEnds(t *testing.T) {
	server, path := share(t, nil)
	client := join(t, path)
	session, err := client.Start(t.Context(), sshclient.Command{Exec: "cat"})
	if err != nil {
		t.Fatal(err)
	}
	in, typing := io.Pipe()
	defer typing.Close()
	go server.Close()
	go func() { <-client.Done(); in.Close() }()
	result := session.Run(sshclient.Streams{Stdin: in})
	if !errors.Is(result.Lost, sshclient.ErrMasterGone) || !errors.Is(client.Err(), sshclient.ErrMasterGone) {
		t.Errorf("%+v, %v", result, client.Err())
	}
}
