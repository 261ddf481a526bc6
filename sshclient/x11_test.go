package sshclient

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

func TestDisplay(t *testing.T) {
	unix := func(n string) string {
		if runtime.GOOS == "linux" {
			return "[@/tmp/.X11-unix/X" + n + " /tmp/.X11-unix/X" + n + "]"
		}
		return "[/tmp/.X11-unix/X" + n + "]"
	}
	for _, test := range []struct {
		name   string
		want   string // empty: none
		screen uint32
	}{
		{":0", unix("0"), 0},
		{"unix:12.1", unix("12"), 1},
		{"::3", unix("3"), 0},
		{"localhost:10.0", "[localhost:6010]", 0},
		{"10.0.0.1:0.2", "[10.0.0.1:6000]", 2},
		{"[::1]:5", "[[::1]:6005]", 0},
		{"/private/tmp/launch/org.xquartz:0", "[/private/tmp/launch/org.xquartz:0]", 0},
		{"", "", 0}, {"nowhere", "", 0}, {":", "", 0}, {":x", "", 0}, {"h:59536", "", 0},
	} {
		at, screen, err := display(test.name)
		if got := fmt.Sprint(at); (err == nil) != (test.want != "") || err == nil && got != test.want || screen != test.screen {
			t.Errorf("%q: %s, screen %d, %v", test.name, got, screen, err)
		}
	}
}

// setup is the first message of an X11 client.
func setup(order byte, protocol string, cookie []byte) []byte {
	b := make([]byte, 12)
	b[0], b[2] = order, 11
	low, high := 1, 0
	if order == 'l' {
		low, high = 0, 1
	}
	b[6+low], b[6+high] = byte(len(protocol)), byte(len(protocol)>>8)
	b[8+low], b[8+high] = byte(len(cookie)), byte(len(cookie)>>8)
	b = append(b, protocol...)
	b = append(b, make([]byte, padded(len(protocol))-len(protocol))...)
	b = append(b, cookie...)
	return append(b, make([]byte, padded(len(cookie))-len(cookie))...)
}

const magic = "MIT-MAGIC-COOKIE-1"

func TestReadSetup(t *testing.T) {
	real, fake := []byte("the real cookie!"), []byte("a faked cookie.!")
	x := &x11Forward{X11: X11{Protocol: magic, Cookie: real}, fake: fake}
	for _, order := range []byte{'l', 'B'} {
		got, err := x.readSetup(bytes.NewReader(append(setup(order, magic, fake), "rest"...)))
		if err != nil || !bytes.Equal(got, setup(order, magic, real)) {
			t.Errorf("%c: %q, %v", order, got, err)
		}
	}
	for name, said := range map[string][]byte{
		"other cookie":   setup('l', magic, []byte("b faked cookie.!")),
		"other protocol": setup('l', "MIT-MAGIC-COOKIE-2", fake),
		"other length":   setup('B', magic, fake[1:]),
		"no cookie":      setup('B', "", nil),
		"no X11":         []byte("GET / HTTP/1.1\r\n\r\n"),
		"nothing":        nil,
	} {
		if got, err := x.readSetup(bytes.NewReader(said)); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A server's program shows itself on the display, if it knows the cookie that the server
// was given, and in time.
func TestX11Forward(t *testing.T) {
	screen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	port := screen.Addr().(*net.TCPAddr).Port
	if port < x11Port {
		t.Skip("the free port is too low for a display")
	}
	name := fmt.Sprintf("127.0.0.1:%d", port-x11Port)
	cookie := []byte("0123456789abcdef")
	window := string(setup('l', magic, cookie)) + "window"
	shown := make(chan string, 1)
	go func() {
		for {
			conn, err := screen.Accept()
			if err != nil {
				return
			}
			said, _ := io.ReadAll(conn)
			shown <- string(said)
			conn.Close()
		}
	}()
	for _, test := range []struct {
		name   string
		change func(*X11)
		guess  bool // the program does not know the cookie
		status int
		shown  string
	}{
		{name: "shown", change: func(*X11) {}, shown: window},
		{name: "shown in time", change: func(x *X11) { x.Until = time.Now().Add(time.Hour) }, shown: window},
		{name: "too late", change: func(x *X11) { x.Until = time.Now().Add(-time.Second) }, status: 1},
		{name: "wrong cookie", change: func(*X11) {}, guess: true},
		{name: "no display", change: func(x *X11) { x.Display = "nonsense" }, status: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := sshtest.NewServer()
			server.Handler = func(s *sshtest.Session) sshtest.Exit { return showWindow(s, test.guess) }
			client := connect(t, server)
			x := &X11{Display: name, Protocol: magic, Cookie: cookie}
			test.change(x)
			_, _, result := execute(t, client, Command{X11: x}, nil)
			if result.Status != test.status {
				t.Errorf("%+v", result)
			}
			if result.Status == 0 {
				if got := <-shown; got != test.shown {
					t.Errorf("the display was shown %q", got)
				}
			}
		})
	}
}

// showWindow is a program on the server that shows a window.
func showWindow(s *sshtest.Session, guess bool) sshtest.Exit {
	channel, requests, err := s.Conn.OpenChannel(x11Channel, ssh.Marshal(struct {
		Host string
		Port uint32
	}{"127.0.0.1", 1}))
	if err != nil {
		return sshtest.Exit{Status: 1}
	}
	go ssh.DiscardRequests(requests)
	defer channel.Close()
	cookie, _ := hex.DecodeString(s.X11Cookie)
	if guess {
		cookie = []byte(strings.Repeat("x", len(cookie)))
	}
	channel.Write(append(setup('l', magic, cookie), "window"...))
	channel.CloseWrite()
	rest, err := io.ReadAll(channel)
	if err != nil || len(rest) > 0 {
		return sshtest.Exit{Status: 2}
	}
	return sshtest.Exit{}
}
