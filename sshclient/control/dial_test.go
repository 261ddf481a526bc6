package control

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// socketDir is short: a test's own directory may be too long a path for a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// fakeMaster listens and says the given bytes to whoever connects, then reads until the end; or hangs up.
func fakeMaster(t *testing.T, says string) (path string) {
	t.Helper()
	path = filepath.Join(socketDir(t), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			if says != "hang up" {
				io.WriteString(c, says)
				io.Copy(io.Discard, c)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return path
}

// alive is what a master of OpenSSH before 10.1 says to a client that greets it.
func alive(extensions ...string) string {
	return string(encode(helloMessage(extensions...), newMessage(sAlive, number{1}, number{4711})))
}

func TestDial(t *testing.T) {
	for _, extensions := range [][]string{nil, {"info", "0"}, {"of-the-future", "\x00\xff", "another", ""}} {
		master, err := Dial(t.Context(), fakeMaster(t, alive(extensions...)))
		if err != nil {
			t.Fatalf("%q: %v", extensions, err)
		}
		if master.PID != 4711 {
			t.Errorf("process %d", master.PID)
		}
		master.Close()
	}
}

func TestNoMaster(t *testing.T) {
	dir := socketDir(t)
	stale := filepath.Join(dir, "stale")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
	for _, test := range []struct {
		name string
		path string
		want error
	}{
		{"no socket", filepath.Join(dir, "none"), ErrNone},
		{"nobody listens", stale, ErrStale},
		{"hangs up", fakeMaster(t, "hang up"), ErrStale},
		{"says nothing", fakeMaster(t, ""), ErrSilent},
		{"says half", fakeMaster(t, alive()[:20]), ErrSilent},
		{"another version", fakeMaster(t, string(encode(newMessage(msgHello, hello{Version: 5})))), errProtocol},
		{"no hello", fakeMaster(t, string(encode(newMessage(sOK, number{1})))), errProtocol},
		{"another's answer", fakeMaster(t, string(encode(helloMessage(), newMessage(sAlive, number{2}, number{1})))), errProtocol},
		{"an extension without value", fakeMaster(t, string(encode(helloMessage("info")))), errProtocol},
		{"endless", fakeMaster(t, "\xff\xff\xff\xff"), errProtocol},
		{"something else", fakeMaster(t, "SSH-2.0-OpenSSH_9.2\r\n"), errProtocol},
		{"too long", strings.Repeat("x", 200), new(PathError)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := Dial(t.Context(), test.path)
			long, isLong := test.want.(*PathError)
			if isLong && !errors.As(err, &long) || !isLong && !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if _, ok := errors.AsType[*MasterError](err); !ok {
				t.Errorf("%T", err)
			}
			if took := time.Since(start); test.want == ErrSilent && took < Patience {
				t.Errorf("given up after %v", took)
			}
		})
	}
}

func TestDialIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	cancel(reason)
	if _, err := Dial(ctx, fakeMaster(t, "")); !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
}

// Whatever is cut off of what a master says, there is an error and no hang.
func TestTruncatedAnswers(t *testing.T) {
	whole := alive("info", "0")
	for n := range whole {
		m := &Master{conn: &conn{Conn: &script{in: strings.NewReader(whole[:n])}}}
		if err := m.greet(); err == nil {
			t.Errorf("%d of %d bytes are enough", n, len(whole))
		}
	}
}

// script is a connection on which all is said already.
type script struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }

// The handshake of x/crypto stays here, in whatever pieces it is written.
func TestPreface(t *testing.T) {
	handshake := encode(helloMessage(), newMessage(mProxy, number{prefaceID}))
	for cut := range len(handshake) + 1 {
		s := &script{in: strings.NewReader("after")}
		p := newProxied(s)
		for _, piece := range [][]byte{handshake[:cut], append(handshake[cut:len(handshake):len(handshake)], "first"...), []byte(" second")} {
			if n, err := p.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("wrote %d of %d, %v", n, len(piece), err)
			}
		}
		if s.out.String() != "first second" {
			t.Errorf("cut at %d: %q went out", cut, s.out.String())
		}
		all, _ := io.ReadAll(p)
		if want := string(encode(helloMessage(), newMessage(sProxy, number{prefaceID}))) + "after"; string(all) != want {
			t.Errorf("%q came in", all)
		}
	}
}
