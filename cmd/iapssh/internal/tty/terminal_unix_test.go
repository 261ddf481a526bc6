//go:build unix

package tty

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// inChild makes the test binary run one of the children below instead of tests.
const inChild = "TTY_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := os.Getenv(inChild); child != "" {
		os.Exit(runChild(child))
	}
	goleak.VerifyTestMain(m)
}

// runChild is a process that has, or has not, a controlling terminal.
func runChild(name string) int {
	terminal, err := Open()
	if name == "detached" {
		if errors.Is(err, ErrNoTerminal) {
			return 0
		}
		return 1
	}
	if err != nil {
		return 2
	}
	defer terminal.Close()
	answer, err := terminal.Ask(context.Background(), "Password: ", false)
	if err != nil {
		return 3
	}
	io.WriteString(os.Stdout, "answer "+answer+"\n") // standard output leads elsewhere
	return 0
}

func child(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), inChild+"="+name)
	return cmd
}

// openPTY returns both ends of a new terminal.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close(); master.Close() })
	return master, slave
}

func settings(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

func TestRawAndBack(t *testing.T) {
	_, slave := openPTY(t)
	terminal := New(slave, slave)
	before := settings(t, slave)
	for range 2 { // a second MakeRaw must not take raw for how it was
		if err := terminal.MakeRaw(); err != nil {
			t.Fatal(err)
		}
	}
	if raw := settings(t, slave); raw.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 || raw.Oflag&unix.OPOST != 0 {
		t.Errorf("raw mode has Lflag %#x, Oflag %#x", raw.Lflag, raw.Oflag)
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if err := terminal.Restore(); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if after := settings(t, slave); after != before {
		t.Errorf("restored to\n%+v, was\n%+v", after, before)
	}
}

func TestRestoreWithoutChange(t *testing.T) {
	_, slave := openPTY(t)
	if err := New(slave, slave).Restore(); err != nil {
		t.Error(err)
	}
}

func TestNoTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	terminal := New(null, null)
	if err := terminal.MakeRaw(); err == nil {
		t.Error("MakeRaw succeeded")
	}
	if _, err := terminal.Size(); err == nil {
		t.Error("Size succeeded")
	}
	if modes := terminal.Modes(); string(modes) != "\x00" {
		t.Errorf("Modes = %v", modes)
	}
	if _, err := terminal.Ask(t.Context(), "", true); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("Ask: %v", err)
	}
}

func TestModes(t *testing.T) {
	_, slave := openPTY(t)
	s := settings(t, slave)
	s.Cc[unix.VERASE] = 8
	s.Cc[unix.VINTR] = switchedOff
	s.Iflag |= unix.IUTF8
	s.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(slave.Fd()), setTermiosNow, &s); err != nil {
		t.Fatal(err)
	}
	got := decode(t, New(slave, slave).Modes())
	for op, want := range map[byte]uint32{3: 8, 1: disabled, 42: 1, 53: 0, 50: 1, 51: 1, 70: 1, 72: 1, 91: 1, 90: 0, opInSpeed: 38400} {
		if value, ok := got[op]; !ok || value != want {
			t.Errorf("mode %d = %d (present: %t), want %d", op, value, ok, want)
		}
	}
}

func decode(t *testing.T, encoded []byte) map[byte]uint32 {
	t.Helper()
	modes := make(map[byte]uint32)
	for len(encoded) >= 5 {
		if _, twice := modes[encoded[0]]; twice {
			t.Errorf("opcode %d occurs twice", encoded[0])
		}
		modes[encoded[0]] = binary.BigEndian.Uint32(encoded[1:])
		encoded = encoded[5:]
	}
	if string(encoded) != "\x00" {
		t.Errorf("modes end with %v", encoded)
	}
	return modes
}

func TestWatchSize(t *testing.T) {
	master, slave := openPTY(t)
	if err := pty.Setsize(master, &pty.Winsize{Cols: 80, Rows: 24, X: 640, Y: 480}); err != nil {
		t.Fatal(err)
	}
	terminal := New(slave, slave)
	size, err := terminal.Size()
	if want := (Size{80, 24, 640, 480}); err != nil || size != want {
		t.Fatalf("Size = %v, %v", size, err)
	}
	watcher := terminal.WatchSize()
	defer watcher.Close()
	if err := pty.Setsize(master, &pty.Winsize{Cols: 132, Rows: 43}); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(os.Getpid(), syscall.SIGWINCH) // the kernel sends it to those that the terminal controls
	if got, want := <-watcher.C, (Size{Columns: 132, Rows: 43}); got != want {
		t.Errorf("new size %v, want %v", got, want)
	}
}

// expect reads from the master until text has come, and returns all that came.
func expect(t *testing.T, master io.Reader, text string) string {
	t.Helper()
	var seen strings.Builder
	in := bufio.NewReader(master)
	for !strings.Contains(seen.String(), text) {
		b, err := in.ReadByte()
		if err != nil {
			t.Fatalf("after %q: %v", seen.String(), err)
		}
		seen.WriteByte(b)
	}
	return seen.String()
}

func TestAsk(t *testing.T) {
	for _, test := range []struct {
		name, typed, want string
		echo, raw         bool
	}{
		{name: "passphrase", typed: "secret\n", want: "secret"},
		{name: "passphrase, terminal raw", typed: "secret\r", want: "secret", raw: true},
		{name: "question", typed: "yes\n", want: "yes", echo: true},
		{name: "erased", typed: "abd\x7fc\n", want: "abc"},
		{name: "empty", typed: "\n", want: ""},
		{name: "too long", typed: strings.Repeat("x", 2000) + "\n", want: strings.Repeat("x", maxAnswer)},
	} {
		t.Run(test.name, func(t *testing.T) {
			master, slave := openPTY(t)
			terminal := New(slave, slave)
			if test.raw {
				if err := terminal.MakeRaw(); err != nil {
					t.Fatal(err)
				}
			}
			before := settings(t, slave)
			var answer string
			var asked error
			done := make(chan struct{})
			go func() {
				defer close(done)
				answer, asked = terminal.Ask(t.Context(), "Say: ", test.echo)
			}()
			expect(t, master, "Say: ")
			io.WriteString(master, test.typed)
			shown := expect(t, master, "\n")
			<-done
			if asked != nil || answer != test.want {
				t.Errorf("Ask = %q, %v, want %q", answer, asked, test.want)
			}
			if shows := strings.Contains(shown, test.want) && test.want != ""; shows != test.echo {
				t.Errorf("with echo %t the terminal shows %q", test.echo, shown)
			}
			if after := settings(t, slave); after != before {
				t.Errorf("terminal left as\n%+v, was\n%+v", after, before)
			}
		})
	}
}

func TestAskCanceled(t *testing.T) {
	master, slave := openPTY(t)
	terminal := New(slave, slave)
	before := settings(t, slave)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("reason")
	done := make(chan error)
	go func() {
		_, err := terminal.Ask(ctx, "Say: ", false)
		done <- err
	}()
	expect(t, master, "Say: ")
	io.WriteString(master, "half")
	cancel(reason)
	if err := <-done; err != reason {
		t.Errorf("Ask: %v", err)
	}
	if after := settings(t, slave); after != before {
		t.Errorf("terminal left as\n%+v, was\n%+v", after, before)
	}
}

// A signal handler may restore the terminal under a question; its end must then not
// make the terminal raw again.
func TestRestoreWhileAsking(t *testing.T) {
	master, slave := openPTY(t)
	terminal := New(slave, slave)
	before := settings(t, slave)
	if err := terminal.MakeRaw(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		terminal.Ask(ctx, "Say: ", false)
	}()
	expect(t, master, "Say: ")
	if err := terminal.Restore(); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	if after := settings(t, slave); after != before {
		t.Errorf("terminal left as\n%+v, was\n%+v", after, before)
	}
}

func TestConfirm(t *testing.T) {
	for _, test := range []struct {
		answers []string
		want    bool
	}{
		{[]string{"yes"}, true},
		{[]string{"what", " Yes "}, true},
		{[]string{"", "no"}, false},
		{[]string{"1", "2", "3", "4", "5"}, false},
	} {
		master, slave := openPTY(t)
		go func() {
			in := bufio.NewReader(master)
			for _, answer := range test.answers {
				in.ReadString('?') // the question, or its repetition
				io.WriteString(master, answer+"\n")
				in.ReadString('\n') // the echo
			}
		}()
		if ok, err := New(slave, slave).Confirm(t.Context(), "Sure?", "Please type yes or no?"); ok != test.want || err != nil {
			t.Errorf("after %q Confirm = %t, %v", test.answers, ok, err)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Run("detached", func(t *testing.T) {
		cmd := child(t, "detached")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Run(); err != nil {
			t.Error(err)
		}
	})
	t.Run("controlled", func(t *testing.T) {
		master, slave := openPTY(t)
		cmd := child(t, "controlled")
		cmd.Stdin = slave // no standard input of its own to ask on
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		expect(t, master, "Password: ")
		io.WriteString(master, "secret\n")
		got, _ := io.ReadAll(out)
		if err := cmd.Wait(); err != nil || string(got) != "answer secret\n" {
			t.Errorf("child wrote %q, %v", got, err)
		}
	})
}
