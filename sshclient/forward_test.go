package sshclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// The rules are those of OpenSSH's channel_fwd_bind_addr.
func TestBindAddresses(t *testing.T) {
	gateway := ForwardOptions{GatewayPorts: true}
	for _, test := range []struct {
		host    string
		options ForwardOptions
		want    string
	}{
		{"", ForwardOptions{}, "[[tcp6 ::1] [tcp4 127.0.0.1]]"},
		{"localhost", gateway, "[[tcp6 ::1] [tcp4 127.0.0.1]]"},
		{"", gateway, "[[tcp6 ::] [tcp4 0.0.0.0]]"},
		{"*", ForwardOptions{}, "[[tcp6 ::] [tcp4 0.0.0.0]]"},
		{"*", ForwardOptions{AddressFamily: "inet"}, "[[tcp4 0.0.0.0]]"},
		{"", ForwardOptions{AddressFamily: "inet6"}, "[[tcp6 ::1]]"},
		{"::1", ForwardOptions{}, "[[tcp ::1]]"},
		{"127.0.0.1", gateway, "[[tcp 127.0.0.1]]"},
		{"vpn.example", ForwardOptions{AddressFamily: "inet"}, "[[tcp4 vpn.example]]"},
	} {
		if got := fmt.Sprint(bindAddresses(test.host, test.options)); got != test.want {
			t.Errorf("%q, %+v: %s, want %s", test.host, test.options, got, test.want)
		}
	}
}

// A connection from the server belongs to the forward that asked for its address, or else
// its port.
func TestMatchForwarded(t *testing.T) {
	forward := func(kind ForwardKind, at Endpoint, connect string) *openForward {
		return &openForward{OpenForward: OpenForward{Forward{kind, at, Endpoint{Path: connect}}, at}}
	}
	open := []*openForward{
		forward(LocalForward, Endpoint{Port: 1}, "local"),
		forward(RemoteForward, Endpoint{Port: 80}, "default"),
		forward(RemoteForward, Endpoint{Host: "*", Port: 80}, "all"),
		forward(RemoteDynamicForward, Endpoint{Host: "10.0.0.1", Port: 81}, "dynamic"),
		forward(RemoteForward, Endpoint{Path: "/s"}, "socket"),
	}
	for _, test := range []struct {
		at   Endpoint
		want string
	}{
		{Endpoint{Host: "localhost", Port: 80}, "default"},
		{Endpoint{Host: "", Port: 80}, "all"},
		{Endpoint{Host: "0.0.0.0", Port: 80}, "default"}, // as some servers name what they bound
		{Endpoint{Host: "10.0.0.1", Port: 81}, "dynamic"},
		{Endpoint{Host: "localhost", Port: 81}, "dynamic"},
		{Endpoint{Path: "/s"}, "socket"},
		{Endpoint{Path: "/t"}, ""},
		{Endpoint{Host: "localhost", Port: 1}, ""},
		{Endpoint{}, ""},
	} {
		got := ""
		if o := matchForwarded(open, test.at); o != nil {
			got = o.Connect.Path
		}
		if got != test.want {
			t.Errorf("%v: %q, want %q", test.at, got, test.want)
		}
	}
}

func TestPermits(t *testing.T) {
	here := Endpoint{Host: "here", Port: 80}
	for _, test := range []struct {
		permit []Endpoint
		want   bool
	}{
		{nil, true}, {[]Endpoint{}, false}, {[]Endpoint{{Host: "there", Port: 80}}, false}, {[]Endpoint{{Host: "there"}, {Host: "here"}}, true},
		{[]Endpoint{{Host: "*", Port: 80}}, true}, {[]Endpoint{{Host: "*", Port: 81}}, false},
	} {
		if options := (ForwardOptions{PermitOpen: test.permit}); options.permits(here) != test.want {
			t.Errorf("%v: %t", test.permit, !test.want)
		}
	}
}

func TestComplaints(t *testing.T) {
	var c complaints
	now := time.Unix(1000, 0)
	told := 0
	for range 100 {
		if ok, _ := c.admit(now); ok {
			told++
		}
	}
	if told != complaintBurst {
		t.Errorf("%d told at once", told)
	}
	if ok, untold := c.admit(now.Add(time.Second)); !ok || untold != 95 {
		t.Errorf("a second later: %t, %d untold", ok, untold)
	}
	if ok, _ := c.admit(now.Add(time.Second)); ok {
		t.Error("two in that second")
	}
	if ok, untold := c.admit(now.Add(time.Hour)); !ok || untold != 1 {
		t.Errorf("an hour later: %t, %d untold", ok, untold)
	}
}

// A buffer is as large as what is read, and a forwarded connection keeps none that is
// large while it waits for data.
func TestCopyBuffer(t *testing.T) {
	const full = -1
	borrows := &sync.Pool{New: newBulkBuffer}
	for _, test := range []struct {
		name  string
		buf   *copyBuffer
		reads []int
		want  int // size in the end
	}{
		{"keystrokes", &copyBuffer{own: make([]byte, tinyBuffer), limit: tinyBuffer, pool: borrows}, []int{1, 1, 30}, tinyBuffer},
		{"much", &copyBuffer{own: make([]byte, tinyBuffer), limit: tinyBuffer, pool: borrows}, []int{full, full, full}, bulkBuffer},
		{"end of much", &copyBuffer{own: make([]byte, tinyBuffer), limit: tinyBuffer, pool: borrows}, []int{full, full, bulkBuffer - 1}, tinyBuffer},
		{"session", sessionBuffer(), []int{full, full, 1, 1}, 4 * smallBuffer},
		{"session, much", sessionBuffer(), []int{full, full, full, full, full}, bulkBuffer},
	} {
		for _, n := range test.reads {
			if n == full {
				n = len(test.buf.space())
			}
			test.buf.fit(n)
		}
		if got := len(test.buf.space()); got != test.want {
			t.Errorf("%s: %d bytes, want %d", test.name, got, test.want)
		}
	}
}

// Nothing is forwarded for a server whose key is not the known one.
func TestDegradedForwardsNothing(t *testing.T) {
	server := sshtest.NewServer()
	server.AllowAll = true
	defer server.Close()
	config := labConfig(server)
	config.Trust = &fakeTrust{verdict: Verdict{Degraded: true}}
	client, err := Handshake(t.Context(), server.Dial(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Forwards().Open(t.Context(), Forward{}); !errors.Is(err, ErrDegraded) {
		t.Errorf("error %v", err)
	}
}

func TestForwardErrors(t *testing.T) {
	client := connect(t, sshtest.NewServer())
	forwards := client.Forwards()
	bound, err := forwards.Open(t.Context(), Forward{Listen: Endpoint{Host: "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if bound.Port == 0 || forwards.List()[0].Bound != bound {
		t.Errorf("bound to %v, listed as %v", bound, forwards.List())
	}
	_, err = forwards.Open(t.Context(), Forward{Listen: bound})
	if taken, ok := errors.AsType[*ListenError](err); !ok || taken.Listen != bound {
		t.Errorf("a port that is taken: %v", err)
	}
	if err := forwards.Cancel(t.Context(), Forward{Listen: Endpoint{Host: "127.0.0.1", Port: bound.Port}}); err != nil {
		t.Errorf("cancel by the port that was found: %v", err)
	}
	if err := forwards.Cancel(t.Context(), Forward{Listen: bound}); !errors.Is(err, ErrNotOpen) {
		t.Errorf("cancel twice: %v", err)
	}
	client.Close()
	if _, err := forwards.Open(t.Context(), Forward{}); !errors.Is(err, ErrClosed) {
		t.Errorf("open after Close: %v", err)
	}
}

// A port that somebody else has at IPv4's address is not taken without a word.
func TestForwardAtIPv6Alone(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	client, log := connectLogging(t, sshtest.NewServer())
	_, err = client.Forwards().Open(t.Context(), Forward{Listen: Endpoint{Port: endpointOf(taken.Addr()).Port}})
	if _, ok := errors.AsType[*ListenError](err); ok {
		t.Skip("IPv6 is not to be had here")
	}
	if err != nil || log.errors != 1 || log.matching("127.0.0.1:.*in use") != 1 {
		t.Errorf("error %v, log:\n%s", err, strings.Join(log.lines, "\n"))
	}
}

// Connections that come in a flood, to a program that takes none of them, are in nobody's way.
func TestRemoteForwardFlood(t *testing.T) {
	needShell(t)
	client := connect(t, sshtest.NewServer())
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	bound, err := client.Forwards().Open(t.Context(), Forward{Kind: RemoteForward, Listen: Endpoint{Host: "127.0.0.1"}, Connect: endpointOf(busy.Addr())})
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		conn, err := net.Dial("tcp", bound.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	testCommands(t, client)
	if err := client.Forwards().Cancel(t.Context(), Forward{Kind: RemoteForward, Listen: bound}); err != nil {
		t.Error(err)
	}
}

// connectLogging is connect with what the client says.
func connectLogging(t *testing.T, server *sshtest.Server) (*Client, *logRecorder) {
	t.Helper()
	server.AllowAll = true
	t.Cleanup(server.Close)
	log := &logRecorder{}
	config := labConfig(server)
	config.Log = log.add
	client, err := Handshake(t.Context(), server.Dial(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, log
}

// What a server opens unasked is refused, and told of a few times.
func TestUnaskedChannels(t *testing.T) {
	const tries = 50
	server := sshtest.NewServer()
	server.Handler = func(s *sshtest.Session) sshtest.Exit {
		for i := range tries {
			kind := []string{forwardedTCP, forwardedUnix, agentChannel, x11Channel, "session", "nonsense"}[i%6]
			payload := ssh.Marshal(struct {
				Host       string
				Port       uint32
				OriginHost string
				OriginPort uint32
			}{"localhost", 80, "10.0.0.1", 1234})
			if _, _, err := s.Conn.OpenChannel(kind, payload); err == nil {
				return sshtest.Exit{Status: 1}
			}
		}
		return sshtest.Exit{}
	}
	client, log := connectLogging(t, server)
	if _, _, result := execute(t, client, Command{}, nil); result.Status != 0 {
		t.Errorf("%+v", result)
	}
	if n := log.matching("^WARNING: Server requests forwarding for unknown localhost:80"); n == 0 || n+log.matching("^Warning: ssh server tried") > 2*complaintBurst {
		t.Errorf("log:\n%s", strings.Join(log.lines, "\n"))
	}
}

// When the server goes away, so does all that leads to it.
func TestForwardsEndWithTheServer(t *testing.T) {
	server := sshtest.NewServer()
	client := connect(t, server)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var ends []net.Conn
	for _, kind := range []ForwardKind{LocalForward, RemoteForward, DynamicForward} {
		bound, err := client.Forwards().Open(t.Context(), Forward{Kind: kind, Listen: Endpoint{Host: "127.0.0.1"}, Connect: endpointOf(silent.Addr())})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", bound.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ends = append(ends, conn)
	}
	server.Close()
	for _, conn := range ends {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a connection has said something")
		}
	}
	client.Close()
	if open := client.Forwards().List(); len(open) != 0 {
		t.Errorf("%v are open", open)
	}
}

// Connections that lead nowhere are told of in a line each, but not in hundreds.
func TestFailedConnections(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := endpointOf(gone.Addr())
	gone.Close()
	for kind, line := range map[ForwardKind]string{LocalForward: "^channel [0-9]+: open failed: connect failed: ", RemoteForward: "^connect_to " + nowhere.String() + ": failed: "} {
		client, log := connectLogging(t, sshtest.NewServer())
		bound, err := client.Forwards().Open(t.Context(), Forward{Kind: kind, Listen: Endpoint{Host: "127.0.0.1"}, Connect: nowhere})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 10 * complaintBurst {
			conn, err := net.Dial("tcp", bound.String())
			if err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 1)); err == nil {
				t.Errorf("%d bytes came from nowhere", n)
			}
			conn.Close()
		}
		most := complaintBurst + complaintRate*int(1+time.Since(began).Seconds())
		if n := log.matching(line); n < complaintBurst || n > most {
			t.Errorf("%d lines %q, log:\n%s", n, line, strings.Join(log.lines, "\n"))
		}
	}
}

// A connection is listed in ssh's words for as long as it lasts, which Drain waits for.
func TestConnectionsAreListed(t *testing.T) {
	client := connect(t, sshtest.NewServer())
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	to := endpointOf(far.Addr())
	bound, err := client.Forwards().Open(t.Context(), Forward{Listen: Endpoint{Host: "127.0.0.1"}, Connect: to})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", bound.String())
	if err != nil {
		t.Fatal(err)
	}
	served, err := far.Accept()
	if err != nil {
		t.Fatal(err)
	}
	from := endpointOf(conn.LocalAddr())
	want := fmt.Sprintf("#1 direct-tcpip: listening port %d for 127.0.0.1 port %d, connect from 127.0.0.1 port %d to 127.0.0.1 port %d", bound.Port, to.Port, from.Port, bound.Port)
	if got := client.Forwards().Connections(); len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
	gaveUp := errors.New("gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gaveUp)
	if err := client.Forwards().Drain(ctx); !errors.Is(err, gaveUp) {
		t.Errorf("with a connection open: %v", err)
	}
	conn.Close()
	served.Close()
	if err := client.Forwards().Drain(t.Context()); err != nil || len(client.Forwards().Connections()) != 0 {
		t.Errorf("%v, %q are left", err, client.Forwards().Connections())
	}
}

// A server that closes a channel, and does not only say that it has no more to send, ends the
// connection here, though the local side stays silent.
func TestChannelIsClosed(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var bound Endpoint
	server := sshtest.NewServer()
	server.Handler = func(s *sshtest.Session) sshtest.Exit {
		channel, requests, err := s.Conn.OpenChannel(forwardedTCP, ssh.Marshal(struct {
			Host       string
			Port       uint32
			OriginHost string
			OriginPort uint32
		}{"127.0.0.1", uint32(bound.Port), "10.0.0.1", 1234}))
		if err != nil {
			return sshtest.Exit{Status: 1}
		}
		channel.Close()
		ssh.DiscardRequests(requests)
		return sshtest.Exit{}
	}
	client := connect(t, server)
	if bound, err = client.Forwards().Open(t.Context(), Forward{Kind: RemoteForward, Listen: Endpoint{Host: "127.0.0.1"}, Connect: endpointOf(silent.Addr())}); err != nil {
		t.Fatal(err)
	}
	if _, _, result := execute(t, client, Command{}, nil); result.Status != 0 {
		t.Fatalf("%+v", result)
	}
	if err := client.Forwards().Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
