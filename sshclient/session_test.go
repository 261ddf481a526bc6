package sshclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// needShell skips tests whose commands are those of a Unix shell.
func needShell(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("runs commands of a Unix shell")
	}
}

// execute runs a command, and returns its output and end.
func execute(t *testing.T, client *Client, cmd Command, stdin io.Reader) (stdout, stderr string, result Result) {
	t.Helper()
	session, err := client.Start(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	result = session.Run(Streams{Stdin: stdin, Stdout: &out, Stderr: &errs})
	return out.String(), errs.String(), result
}

func TestCommands(t *testing.T) {
	needShell(t)
	client := connect(t, sshtest.NewServer())
	testCommands(t, client)
}

// testCommands is what any server has to do right with us; a real sshd as well.
func testCommands(t *testing.T, client *Client) {
	for _, test := range []struct {
		name, command, stdin   string
		stdout, stderr, signal string
		status                 int
	}{
		{name: "nothing", command: "true"},
		{name: "status", command: "exit 7", status: 7},
		{name: "highest status", command: "exit 255", status: 255},
		{name: "not found", command: "/nonexistent/command 2>/dev/null", status: 127},
		{name: "signal", command: "kill -TERM $$", status: -1, signal: "TERM"},
		{name: "both outputs", command: "echo out; echo err >&2; exit 1", stdout: "out\n", stderr: "err\n", status: 1},
		{name: "input", command: "tr a-z A-Z", stdin: "hello", stdout: "HELLO"},
		{name: "input not read", command: "exit 3", stdin: strings.Repeat("x", 1<<20), status: 3},
		{name: "output after input ended", command: "cat; echo end", stdin: "text ", stdout: "text end\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, result := execute(t, client, Command{Exec: test.command}, strings.NewReader(test.stdin))
			if stdout != test.stdout || stderr != test.stderr {
				t.Errorf("output %q, errors %q; want %q, %q", stdout, stderr, test.stdout, test.stderr)
			}
			if result.Status != test.status || result.Signal != test.signal || result.Lost != nil || result.Output != nil {
				t.Errorf("%+v, want status %d, signal %q", result, test.status, test.signal)
			}
		})
	}
	t.Run("bulk", func(t *testing.T) { testBulk(t, client, 6<<20) })
	t.Run("unread errors", func(t *testing.T) {
		// More than the window that both outputs share, all of it on one of them.
		stdout, stderr, result := execute(t, client, Command{Exec: "head -c 5000000 /dev/zero >&2; echo done"}, nil)
		if stdout != "done\n" || len(stderr) != 5000000 || result.Status != 0 {
			t.Errorf("output %q, %d bytes of errors, %+v", stdout, len(stderr), result)
		}
	})
}

// testBulk sends size random bytes through cat, and compares.
func testBulk(t *testing.T, client *Client, size int64) {
	t.Helper()
	session, err := client.Start(t.Context(), Command{Exec: "cat; exit 7"})
	if err != nil {
		t.Fatal(err)
	}
	sent, received := sha256.New(), &countingHash{Hash: sha256.New()}
	random := rand.NewChaCha8([32]byte{1})
	result := session.Run(Streams{Stdin: io.TeeReader(io.LimitReader(random, size), sent), Stdout: received})
	if result.Status != 7 || result.Lost != nil {
		t.Errorf("%+v", result)
	}
	if received.n != size || !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
		t.Errorf("%d of %d bytes came back, equal: %t", received.n, size, bytes.Equal(sent.Sum(nil), received.Sum(nil)))
	}
}

type countingHash struct {
	hash.Hash
	n int64
}

func (h *countingHash) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.Hash.Write(p)
}

func TestEnvironment(t *testing.T) {
	needShell(t)
	client := connect(t, sshtest.NewServer())
	stdout, _, _ := execute(t, client, Command{Exec: `echo "$LC_TEST"`, Env: []string{"LC_TEST=a=b c", "broken"}}, nil)
	if stdout != "a=b c\n" {
		t.Errorf("output %q", stdout)
	}
}

func TestTerminal(t *testing.T) {
	needShell(t)
	client := connect(t, sshtest.NewServer())
	pty := &PTY{Term: "vt220", Size: Size{Columns: 91, Rows: 37}}
	// The server may pass on what is typed before it resizes.
	script := `stty size; echo $TERM; read line; until stty size | grep "43 132"; do sleep 0.01; done; tty >&2`
	session, err := client.Start(t.Context(), Command{Exec: script, PTY: pty})
	if err != nil {
		t.Fatal(err)
	}
	if !session.HasPTY() {
		t.Fatal("no terminal")
	}
	input, keyboard := io.Pipe()
	var out, errs lockedBuffer
	out.onText("vt220", func() {
		session.Resize(Size{Columns: 132, Rows: 43})
		io.WriteString(keyboard, "\n")
		keyboard.Close()
	})
	result := session.Run(Streams{Stdin: input, Stdout: &out, Stderr: &errs})
	text := out.String()
	if !strings.HasPrefix(text, "37 91\r\nvt220\r\n") || !strings.Contains(text, "43 132\r\n") || !strings.Contains(text, "/dev/") {
		t.Errorf("output %q", text)
	}
	if errs.String() != "" || result.Status != 0 {
		t.Errorf("errors %q, %+v", errs.String(), result)
	}
}

// lockedBuffer collects output, and calls a function when a text has come.
type lockedBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer // guarded by mu
	text string
	then func()
}

func (b *lockedBuffer) onText(text string, then func()) { b.text, b.then = text, then }

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	b.buf.Write(p)
	hit := b.then != nil && strings.Contains(b.buf.String(), b.text)
	then := b.then
	if hit {
		b.then = nil
	}
	b.mu.Unlock()
	if hit {
		go then()
	}
	return len(p), nil
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestRefusedTerminal(t *testing.T) {
	needShell(t)
	server := sshtest.NewServer()
	server.RefusePTY = true
	client := connect(t, server)
	session, err := client.Start(t.Context(), Command{Exec: "echo still", PTY: &PTY{Term: "xterm"}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if result := session.Run(Streams{Stdout: &out}); session.HasPTY() || out.String() != "still\n" || result.Status != 0 {
		t.Errorf("terminal %t, output %q, %+v", session.HasPTY(), out.String(), result)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name    string
		refuse  func(*sshtest.Server)
		command Command
		want    string
	}{
		{"exec", func(s *sshtest.Server) { s.RefuseExec = true }, Command{Exec: "true"}, "exec"},
		{"shell", func(s *sshtest.Server) { s.RefuseExec = true }, Command{}, "shell"},
		{"subsystem", func(*sshtest.Server) {}, Command{Subsystem: "sftp", Exec: "ignored"}, "subsystem"},
	} {
		server := sshtest.NewServer()
		test.refuse(server)
		client := connect(t, server)
		_, err := client.Start(t.Context(), test.command)
		if refused, ok := errors.AsType[*RequestError](err); !ok || refused.Request != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
		if client.Err() != nil {
			t.Errorf("%s: the connection ended: %v", test.name, client.Err())
		}
	}
	server := sshtest.NewServer()
	server.RefuseOpen = true
	_, err := connect(t, server).Start(t.Context(), Command{})
	if _, ok := errors.AsType[*ssh.OpenChannelError](err); !ok {
		t.Errorf("session: %v", err)
	}
}

// stdinStub is a standard input that never has anything, and can be interrupted.
type stdinStub struct {
	stop  chan struct{}
	reads int
}

func (s *stdinStub) Read([]byte) (int, error) {
	s.reads++
	<-s.stop
	return 0, errors.New("interrupted")
}

func (s *stdinStub) Interrupt() { close(s.stop) }

func TestStdinIsLeftAlone(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler func(*sshtest.Session) sshtest.Exit
	}{
		{"session ends", func(*sshtest.Session) sshtest.Exit { return sshtest.Exit{} }},
		{"server reads no more", func(s *sshtest.Session) sshtest.Exit {
			s.EndOfWrite()
			io.Copy(io.Discard, s.Stdin) // until our EOF, which says that the client has understood
			return sshtest.Exit{}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := sshtest.NewServer()
			server.Handler = test.handler
			stdin := &stdinStub{stop: make(chan struct{})}
			_, _, result := execute(t, connect(t, server), Command{}, stdin)
			if stdin.reads > 1 || result.Status != 0 {
				t.Errorf("%d reads, %+v", stdin.reads, result)
			}
		})
	}
}

func TestLostSessions(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*sshtest.Server, *Client, *Session)
		exit sshtest.Exit
		want error
	}{
		{name: "no status", exit: sshtest.Exit{Silent: true}, want: ErrNoStatus},
		{name: "server gone", want: io.EOF, end: func(s *sshtest.Server, _ *Client, _ *Session) { s.Close() }},
		{name: "client closed", want: ErrClosed, end: func(_ *sshtest.Server, c *Client, _ *Session) { c.Close() }},
		{name: "session closed", want: ErrClosed, end: func(_ *sshtest.Server, _ *Client, s *Session) { s.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := sshtest.NewServer()
			server.Handler = func(s *sshtest.Session) sshtest.Exit {
				io.WriteString(s.Stdout, "ready")
				if test.end != nil {
					<-s.Done
				}
				return test.exit
			}
			client := connect(t, server)
			session, err := client.Start(t.Context(), Command{})
			if err != nil {
				t.Fatal(err)
			}
			var out lockedBuffer
			if test.end != nil {
				out.onText("ready", func() { test.end(server, client, session) })
			}
			result := session.Run(Streams{Stdout: &out})
			lost := result.Lost
			if errors.Is(lost, io.ErrClosedPipe) {
				lost = io.EOF // a write may notice that the server is gone before the reader does
			}
			if !errors.Is(lost, test.want) || result.Status != -1 || result.ExitCode() != 255 {
				t.Errorf("%+v (exit code %d), want lost by %v", result, result.ExitCode(), test.want)
			}
			if out.String() != "ready" {
				t.Errorf("output %q", out.String())
			}
		})
	}
}

// brokenPipe takes some bytes, and then is closed by its reader.
type brokenPipe struct{ left int }

var errBroken = errors.New("broken pipe")

func (b *brokenPipe) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return b.left, errBroken
	}
	b.left -= len(p)
	return len(p), nil
}

// A command whose output nobody reads any more dies of SIGPIPE, as in a local pipeline.
func TestClosedStdout(t *testing.T) {
	needShell(t)
	client := connect(t, sshtest.NewServer())
	testClosedStdout(t, client)
}

func testClosedStdout(t *testing.T, client *Client) {
	t.Helper()
	for _, test := range []struct {
		command string
		signal  string
		status  int
	}{
		{command: "exec yes", signal: "PIPE", status: -1},
		{command: "echo one; exit 5", status: 5},
	} {
		session, err := client.Start(t.Context(), Command{Exec: test.command})
		if err != nil {
			t.Fatal(err)
		}
		result := session.Run(Streams{Stdout: &brokenPipe{}})
		if !errors.Is(result.Output, errBroken) || result.Status != test.status || result.Signal != test.signal {
			t.Errorf("%s: %+v", test.command, result)
		}
	}
}

// One that does not notice is left after a while.
func TestClosedStdoutUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sshtest.NewServer()
		server.AllowAll = true
		server.Handler = func(s *sshtest.Session) sshtest.Exit {
			io.WriteString(s.Stdout, "text")
			<-s.Done
			return sshtest.Exit{}
		}
		defer server.Close()
		client, err := Handshake(t.Context(), server.Dial(), labConfig(server))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		session, err := client.Start(t.Context(), Command{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		result := session.Run(Streams{Stdout: &brokenPipe{}})
		if lasted := time.Since(start); lasted != outputGrace || !errors.Is(result.Lost, ErrNoStatus) {
			t.Errorf("after %v: %+v", lasted, result)
		}
	})
}

// stuckConn holds back what is written while it is stuck.
type stuckConn struct {
	net.Conn
	mu    sync.Mutex
	stuck bool // guarded by mu
	freed sync.Cond
}

func (c *stuckConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	for c.stuck {
		c.freed.Wait()
	}
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *stuckConn) set(stuck bool) {
	c.mu.Lock()
	c.stuck = stuck
	c.mu.Unlock()
	c.freed.Broadcast()
}

// Start ends with its context, and the session that opens too late is closed.
func TestStartCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sshtest.NewServer()
		server.AllowAll = true
		ended := make(chan struct{})
		server.Handler = func(s *sshtest.Session) sshtest.Exit {
			<-s.Done
			close(ended)
			return sshtest.Exit{}
		}
		defer server.Close()
		conn := &stuckConn{Conn: server.Dial()}
		conn.freed.L = &conn.mu
		client, err := Handshake(t.Context(), conn, labConfig(server))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn.set(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := client.Start(ctx, Command{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Start: %v", err)
		}
		conn.set(false)
		<-ended
	})
}

func TestResultExitCode(t *testing.T) {
	for _, test := range []struct {
		result Result
		want   int
	}{
		{Result{Status: 0}, 0},
		{Result{Status: 200}, 200},
		{Result{Status: -1, Signal: "KILL"}, 255},
		{Result{Status: 300}, 255},
	} {
		if got := test.result.ExitCode(); got != test.want {
			t.Errorf("%+v exits with %d, want %d", test.result, got, test.want)
		}
	}
}

func TestEndingNotes(t *testing.T) {
	text := func(s string) string { return fmt.Sprintf("\x00\x00\x00%c%s", len(s), s) }
	for _, test := range []struct {
		name, kind, payload string
		want                ending
	}{
		{"status", "exit-status", "\x00\x00\x00\x07", ending{told: true, status: 7}},
		{"status out of range", "exit-status", "\xff\xff\xff\xff", ending{told: true, status: 1<<31 - 1}},
		{"short status", "exit-status", "\x00", ending{}},
		{"signal", "exit-signal", text("KILL") + "\x00" + text("bye\x1b") + text(""), ending{told: true, status: -1, signal: "KILL", message: `bye\033`}},
		{"short signal", "exit-signal", text("KILL") + "\x00" + "\x00\x00", ending{}},
		{"something else", "keepalive@openssh.com", "", ending{}},
	} {
		var got ending
		if known := got.note(&ssh.Request{Type: test.kind, Payload: []byte(test.payload)}); known != test.want.told {
			t.Errorf("%s: known %t", test.name, known)
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestPTYPayload(t *testing.T) {
	p := PTY{Term: "vt", Size: Size{80, 24, 640, 480}}
	want := "\x00\x00\x00\x02vt" + "\x00\x00\x00\x50\x00\x00\x00\x18\x00\x00\x02\x80\x00\x00\x01\xe0" + "\x00\x00\x00\x01\x00"
	if got := string(p.payload()); got != want {
		t.Errorf("payload %q, want %q", got, want)
	}
}
