//go:build unix

package control

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// serveScript has a server listen to the given bytes, and returns what it answers.
func serveScript(t testing.TB, server *Server, path string, said []byte) []byte {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	c.Write(said)
	c.(*net.UnixConn).CloseWrite()
	answer, err := io.ReadAll(c)
	if err != nil && len(said) == 0 {
		t.Fatal(err)
	}
	return answer
}

func scriptServer(t testing.TB) (*Server, string) {
	t.Helper()
	vm := sshtest.NewServer()
	vm.AllowAll, vm.RefuseOpen = true, true
	t.Cleanup(vm.Close)
	client, err := sshclient.Handshake(t.Context(), vm.Dial(), sshclient.Config{User: "alice", Host: "lab", Trust: sshclient.TrustKeys(vm.HostKey())})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	server := Serve(listener, ServerConfig{Client: client, Passengers: nobody{}})
	t.Cleanup(func() { client.Close(); server.Close() })
	return server, path
}

// nobody takes no passengers in.
type nobody struct{ Passengers }

// requests are messages as clients send them, less the files.
func requests() []byte {
	return encode(
		helloMessage("info", "0"),
		newMessage(mAliveCheck, number{1}),
		newMessage(mInfo, number{2}, text{infoChannels}),
		newMessage(mCloseForward, number{3}, forward{Kind: forwardLocal, ListenPort: 8080, ConnectHost: "h", ConnectPort: 80}),
		newMessage(mOpenForward, number{4}, forward{Kind: 9}),
		newMessage(0x12345678, number{5}),
	)
}

func TestAnswers(t *testing.T) {
	server, path := scriptServer(t)
	answer := serveScript(t, server, path, requests())
	c := &conn{Conn: &script{in: bytes.NewReader(answer)}}
	for i, want := range []uint32{msgHello, sAlive, sInfo, sFailure, sFailure, sFailure} {
		if m, err := c.read(); err != nil || m.kind != want {
			t.Errorf("answer %d: 0x%08x, %v; want 0x%08x", i, m.kind, err, want)
		}
	}
}

// Wherever a client breaks off, the server goes on for others.
func TestTruncatedRequests(t *testing.T) {
	server, path := scriptServer(t)
	whole := append(requests(), encode(newMessage(mNewSession, number{6}, newSession{Command: "x"}))...)
	for n := range whole {
		serveScript(t, server, path, whole[:n])
	}
	if len(serveScript(t, server, path, requests())) == 0 {
		t.Error("it serves no more")
	}
}

func FuzzRequests(f *testing.F) {
	f.Add(requests())
	f.Add(encode(helloMessage(), newMessage(mProxy, number{1})))
	f.Add(encode(helloMessage(), newMessage(mStdioForward, number{1}, stdioForward{Host: "h", Port: 1})))
	f.Add(append(encode(helloMessage(), newMessage(mProxy, number{1})), 0, 0, 0, 1, 0)) // a packet with nothing in it
	server, path := scriptServer(f)
	f.Fuzz(func(t *testing.T, said []byte) {
		if bytes.Contains(said, binary.BigEndian.AppendUint32(nil, mStopListen)) {
			t.Skip("asks to listen no more")
		}
		serveScript(t, server, path, said)
		if len(serveScript(t, server, path, requests())) == 0 {
			t.Error("it serves no more")
		}
	})
}

func TestForwardsOnTheWire(t *testing.T) {
	for _, f := range []sshclient.Forward{
		{Kind: sshclient.LocalForward, Listen: sshclient.Endpoint{Port: 8080}, Connect: sshclient.Endpoint{Host: "h", Port: 80}},
		{Kind: sshclient.LocalForward, Listen: sshclient.Endpoint{Host: "*", Port: 1}, Connect: sshclient.Endpoint{Path: "/s"}},
		{Kind: sshclient.LocalForward, Listen: sshclient.Endpoint{Path: "/l"}, Connect: sshclient.Endpoint{Host: "h", Port: 80}},
		{Kind: sshclient.RemoteForward, Listen: sshclient.Endpoint{Port: 0}, Connect: sshclient.Endpoint{Host: "h", Port: 80}},
		{Kind: sshclient.RemoteDynamicForward, Listen: sshclient.Endpoint{Port: 1080}},
		{Kind: sshclient.DynamicForward, Listen: sshclient.Endpoint{Host: "127.0.0.1", Port: 1080}},
	} {
		if got, ok := forwardOf(f).parse(); !ok || got != f {
			t.Errorf("%+v arrives as %+v, %v", f, got, ok)
		}
	}
	for _, w := range []forward{
		{}, {Kind: 4, ConnectHost: "h", ConnectPort: 1}, {Kind: forwardLocal, ListenPort: 1, ConnectHost: "h"},
		{Kind: forwardLocal, ListenPort: 70000, ConnectHost: "h", ConnectPort: 1}, {Kind: forwardLocal, ListenPort: 1, ConnectPort: 1},
		{Kind: forwardDynamic, ListenHost: "/x", ListenPort: unixSocket}, {Kind: forwardRemote, ListenPort: 1, ConnectHost: "h", ConnectPort: 1 << 31},
		{Kind: forwardLocal, ListenPort: unixSocket, ConnectHost: "h", ConnectPort: 1},
	} {
		if f, ok := w.parse(); ok {
			t.Errorf("%+v is taken for %+v", w, f)
		}
	}
}
