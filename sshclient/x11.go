package sshclient

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// X11 forwarding is in RFC 4254, section 6.3.
const (
	x11Request = "x11-req" // of a session: its command may use the display
	x11Channel = "x11"     // opened by the server for each window, or so
	x11Port    = 6000      // of display 0

	maxDisplay = maxPort - x11Port
	maxScreen  = 400 // as in OpenSSH
)

// X11 lets programs on the server show their windows on a display here.
type X11 struct {
	Display string // as in the environment: ":0", "host:10.0", a socket's path on macOS

	// Protocol and Cookie are how one identifies oneself to the display, by xauth. The
	// server never learns the cookie: it gets another one, which is replaced here.
	Protocol string
	Cookie   []byte

	Until time.Time // connections are refused afterwards; zero: never
}

// x11Forward is the X11 of a client, with the cookie that the server knows.
type x11Forward struct {
	X11
	fake []byte
}

var errX11Identity = errors.New("not the cookie that the server was given")

// display finds where a display listens; the first that can be reached is it.
func display(name string) (at []Endpoint, screen uint32, err error) {
	bad := fmt.Errorf("could not parse DISPLAY %q", name)
	host, number, ok := cutLast(name, ":")
	if !ok {
		return nil, 0, bad
	}
	number, screenNumber, _ := strings.Cut(number, ".")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n > maxDisplay {
		return nil, 0, bad
	}
	if s, err := strconv.ParseUint(screenNumber, 10, 32); err == nil && s <= maxScreen {
		screen = uint32(s)
	}
	switch {
	case strings.HasPrefix(host, "/"): // launchd's
		return []Endpoint{{Path: host + ":" + number}}, screen, nil
	case host == "" || host == "unix" || host == ":":
		socket := fmt.Sprintf("/tmp/.X11-unix/X%d", n)
		if runtime.GOOS == "linux" { // the abstract one needs no directory
			at = append(at, Endpoint{Path: "@" + socket})
		}
		return append(at, Endpoint{Path: socket}), screen, nil
	}
	return []Endpoint{{Host: strings.Trim(host, "[]"), Port: x11Port + int(n)}}, screen, nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// RequestX11 asks for the forwarding of a display to the session that a channel is; [Client.Start]
// does so by itself. That there is none to be had is told, and no error.
func (c *Client) RequestX11(session ssh.Channel, x X11) (ok bool, err error) {
	if c.verdict.Degraded {
		return false, nil
	}
	_, screen, err := display(x.Display)
	if err != nil {
		c.log(Error, "X11 forwarding: %v", err)
		return false, nil
	}
	forward := &x11Forward{X11: x, fake: make([]byte, len(x.Cookie))}
	rand.Read(forward.fake)
	if !c.x11.CompareAndSwap(nil, forward) {
		if forward = c.x11.Load(); forward.Display != x.Display {
			c.log(Error, "X11 forwarding: different $DISPLAY already forwarded")
			return false, nil
		}
	}
	c.log(Debug1, "Requesting X11 forwarding with authentication spoofing.")
	ok, err = session.SendRequest(x11Request, true, ssh.Marshal(struct {
		Single           bool
		Protocol, Cookie string
		Screen           uint32
	}{false, forward.Protocol, hex.EncodeToString(forward.fake), screen}))
	if err == nil && !ok {
		c.log(Info, "X11 forwarding request failed on channel 0")
	}
	return ok, err
}

// serveX11 connects one channel of the server's to the display.
func (f *Forwards) serveX11(open ssh.NewChannel) {
	x := f.client.x11.Load()
	switch {
	case x == nil:
		f.client.warnOfUnasked("X11")
		open.Reject(ssh.Prohibited, "X11 forwarding was not asked for")
		return
	case !x.Until.IsZero() && time.Now().After(x.Until):
		f.client.log(Verbose, "Rejected X11 connection after ForwardX11Timeout expired")
		open.Reject(ssh.Prohibited, "too late")
		return
	}
	s := &splice{forwards: f, name: x11Channel}
	if !f.enter(s) {
		open.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	defer f.leave(s)
	local, err := f.dialDisplay(x.Display)
	if !s.answer(open, local, err) {
		return
	}
	if err := x.introduce(s); err != nil {
		f.complain("X11 connection rejected because of wrong authentication. (%v)", err)
		return
	}
	s.run()
}

func (f *Forwards) dialDisplay(name string) (conn halfCloser, err error) {
	places, _, err := display(name)
	for _, at := range places {
		if conn, err = f.dialTo(at); err == nil {
			return conn, nil
		}
	}
	f.complain("cannot reach display %s: %v", name, reason(err))
	return nil, err
}

// introduce passes on how a program identifies itself to the display, with the display's
// cookie in place of the one that the server knows.
func (x *x11Forward) introduce(s *splice) error {
	patience := time.AfterFunc(negotiationPatience, s.giveUp)
	defer patience.Stop()
	setup, err := x.readSetup(s.channel)
	if err == nil {
		_, err = s.local.Write(setup)
	}
	return err
}

// readSetup reads the first message of an X11 client, with our cookie in it (X Window System
// Protocol, section 8: byte order, version, and the lengths of two padded texts).
func (x *x11Forward) readSetup(from io.Reader) ([]byte, error) {
	head, err := readBytes(from, 12)
	if err != nil {
		return nil, err
	}
	number := func(at int) int { return int(head[at])<<8 | int(head[at+1]) }
	if head[0] == 'l' { // else 'B', for big end first
		number = func(at int) int { return int(head[at+1])<<8 | int(head[at]) }
	}
	if head[0] != 'l' && head[0] != 'B' || number(6) != len(x.Protocol) || number(8) != len(x.fake) {
		return nil, errX11Identity
	}
	cookieAt := padded(len(x.Protocol))
	rest, err := readBytes(from, cookieAt+padded(len(x.fake)))
	if err != nil {
		return nil, err
	}
	cookie := rest[cookieAt : cookieAt+len(x.fake)]
	if string(rest[:len(x.Protocol)]) != x.Protocol || subtle.ConstantTimeCompare(cookie, x.fake) != 1 {
		return nil, errX11Identity
	}
	copy(cookie, x.Cookie)
	return append(head, rest...), nil
}

func padded(n int) int { return (n + 3) &^ 3 }
