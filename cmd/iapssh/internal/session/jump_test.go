package session

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openHost is an SSH server that lets everybody in, and on.
func openHost(t *testing.T) *sshtest.Server {
	server := sshtest.NewServer()
	server.AllowAll = true
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// jumpPlan leads through a host to an address.
func jumpPlan(t *testing.T, host, onward string) config.Plan {
	t.Helper()
	name, text, err := net.SplitHostPort(onward)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return config.Plan{
		Host: host, Port: 22, User: "ali", StrictHostKeyChecking: "accept-new", FingerprintHash: "sha256", UpdateHostKeys: "no",
		UserKnownHostsFiles: []string{filepath.Join(t.TempDir(), "known_hosts")},
		StdioForward:        config.Endpoint{Host: name, Port: port},
	}
}

func here() Local {
	return Local{Messages: NewMessages(io.Discard), RemoteStderr: os.Stderr}
}

// twoHops connects to an echo behind two hosts, and returns the first of them too.
func twoHops(t *testing.T) (net.Conn, *sshtest.Server) {
	t.Helper()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go echoOnce(echo)
	first, second := openHost(t), openHost(t)
	conn, err := Jump(t.Context(), jumpPlan(t, "first", second.Addr), first.Dial(), time.Now(), here())
	if err == nil {
		conn, err = Jump(t.Context(), jumpPlan(t, "second", echo.Addr().String()), conn, time.Now(), here())
	}
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(conn, "through both")
	got := make([]byte, 12)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "through both" {
		t.Fatalf("%q, %v", got, err)
	}
	return conn, first
}

func echoOnce(on net.Listener) {
	conn, err := on.Accept()
	if err == nil {
		io.Copy(conn, conn)
		conn.Close()
	}
}

// TestMain sees that nothing is left of the hosts.
func TestJumpClose(t *testing.T) {
	conn, _ := twoHops(t)
	for range 2 {
		conn.Close()
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("there is still something to read")
	}
}

// A jump host that is lost is named by what ends with it.
func TestJumpHostIsLost(t *testing.T) {
	conn, first := twoHops(t)
	defer conn.Close()
	first.Close()
	_, err := conn.Read(make([]byte, 1))
	lost, ok := errors.AsType[*sshclient.LostError](err)
	if !ok || lost.Host != "second" {
		t.Fatalf("read: %v", err)
	}
	below, ok := errors.AsType[*sshclient.LostError](lost.Err)
	if !ok || below.Host != "first" || !errors.Is(err, io.EOF) {
		t.Errorf("read: %v, because of %v", err, lost.Err)
	}
}

func TestJumpRefused(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	plan := jumpPlan(t, "first", nobody.Addr().String())
	_, err = Jump(t.Context(), plan, openHost(t).Dial(), time.Now(), here())
	refused, ok := errors.AsType[*sshclient.OpenError](err)
	if !ok || refused.Reason != "connect failed" || refused.To != sshclient.Endpoint(plan.StdioForward) {
		t.Errorf("%#v", err)
	}
}

// The context ends a handshake with a host that says nothing.
func TestJumpGivenUp(t *testing.T) {
	reason := errors.New("reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	conn, silent := sshtest.Pipe()
	defer silent.Close()
	go func() {
		silent.Read(make([]byte, 1)) // our identification
		cancel(reason)
	}()
	if _, err := Jump(ctx, jumpPlan(t, "first", "127.0.0.1:1"), conn, time.Now(), here()); !errors.Is(err, reason) {
		t.Error(err)
	}
}
