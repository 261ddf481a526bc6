//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// patience is how long a step may take before the story fails.
const patience = 20 * time.Second

// terminal runs a program on a terminal that it is controlled by, and does the
// steps of a file, one a line:
//
//	see TEXT        wait until the screen has shown TEXT, after what was seen last
//	type TEXT       type it; TEXT here and above may have Go's escapes
//	raw             wait until the terminal is not as it was at first
//	signal NAME     send the program a signal
//	size COLS ROWS  resize
//	paste N         type N letters
//	cut             break the link to the relay; it comes back after about 3 s
//	sign out        the sign-in with gcloud ends, and the relay wants another access token
//	sign in         again
//	exit STATUS     wait for the end: a number, or the name of the signal it died of
//	within 100ms    the step before must not have taken longer
//
// At the end the program must have ended, and the terminal must be as it was. What
// the screen has shown, carriage returns left out, is the story's stdout.
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terminal STEPS PROGRAM [ARG...]")
	}
	steps := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	s := &screen{changed: make(chan struct{}, 1), over: make(chan struct{})}
	master, slave, err := pty.Open()
	ts.Check(err)
	defer master.Close()
	ts.Check(pty.Setsize(master, &pty.Winsize{Cols: 80, Rows: 24}))
	s.before, err = term.GetState(int(slave.Fd()))
	ts.Check(err)
	s.master, s.slave = master, slave
	s.lab = ts.Value(labKey{}).(*lab.Lab)
	s.cmd = exec.Command(lookIn(ts.Getenv("PATH"), args[1]), args[2:]...)
	s.cmd.Dir = ts.Getenv("WORK")
	s.cmd.Env = environ(ts)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(s.cmd.Start())
	reading := sync.WaitGroup{}
	reading.Go(s.read)
	reading.Go(s.wait)
	err = s.do(steps)
	s.cmd.Process.Kill()
	<-s.over
	after, termErr := term.GetState(int(slave.Fd()))
	slave.Close()
	reading.Wait()
	fmt.Fprint(ts.Stdout(), strings.ReplaceAll(s.text(), "\r", ""))
	if err != nil {
		ts.Fatalf("%v; the screen has shown:\n%s", err, s.text())
	}
	ts.Check(termErr)
	if !reflect.DeepEqual(after, s.before) {
		ts.Fatalf("the terminal was left as %+v, was %+v", after, s.before)
	}
}

// screen is what a program on a terminal shows.
type screen struct {
	cmd           *exec.Cmd
	lab           *lab.Lab
	master, slave *os.File
	before        *term.State   // of the terminal
	changed       chan struct{} // one waits when there is something new
	over          chan struct{} // closed when the program has ended
	result        error         // written before over is closed

	mu    sync.Mutex
	shown bytes.Buffer // guarded by mu
	seen  int          // how much of it has been asked for; used by do alone
}

func (s *screen) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.shown.Write(buf[:n])
		s.mu.Unlock()
		select {
		case s.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (s *screen) wait() {
	s.result = s.cmd.Wait()
	close(s.over)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

func (s *screen) do(steps []string) error {
	var took time.Duration
	for _, line := range steps {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if verb == "within" {
			limit, err := time.ParseDuration(rest)
			if err != nil || took > limit {
				return fmt.Errorf("%q: the step before took %v %v", line, took, err)
			}
			continue
		}
		start := time.Now()
		if err := s.step(verb, rest); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		took = time.Since(start)
	}
	return nil
}

func (s *screen) step(verb, rest string) error {
	switch verb {
	case "", "#":
		return nil
	case "see":
		text, err := unquote(rest)
		if err != nil {
			return err
		}
		return s.see(text)
	case "type":
		text, err := unquote(rest)
		if err == nil {
			_, err = s.master.WriteString(text)
		}
		return err
	case "raw":
		return s.raw()
	case "signal":
		return s.cmd.Process.Signal(unix.SignalNum("SIG" + rest))
	case "size":
		var cols, rows uint16
		if _, err := fmt.Sscan(rest, &cols, &rows); err != nil {
			return err
		}
		return pty.Setsize(s.master, &pty.Winsize{Cols: cols, Rows: rows})
	case "paste":
		n, err := strconv.Atoi(rest)
		if err == nil {
			_, err = s.master.WriteString(strings.Repeat("p", n))
		}
		return err
	case "cut":
		s.lab.Relay.Strike(iaptest.Fault{Do: iaptest.Reset})
		return nil
	case "sign":
		s.lab.Google.Refuse(googletest.Refusal{Error: "invalid_grant", Subtype: "invalid_rapt"})
		if rest == "in" {
			s.lab.Google.SignInAgain()
			return os.WriteFile(s.lab.Files.LoginOf(s.lab.Google.Account), s.lab.Google.Login(), 0o600)
		}
		s.lab.Relay.Strike(iaptest.Fault{Do: iaptest.Expire})
		return nil
	case "exit":
		return s.exit(rest)
	}
	return errors.New("no such step")
}

func unquote(text string) (string, error) {
	return strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
}

func (s *screen) see(text string) error {
	late := time.After(patience)
	for {
		if i := strings.Index(s.text()[s.seen:], text); i >= 0 {
			s.seen += i + len(text)
			return nil
		}
		select {
		case <-s.changed:
		case <-late:
			return errors.New("not seen")
		}
	}
}

// raw looks again and again, since nothing tells of a mode.
func (s *screen) raw() error {
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(5 * time.Millisecond) {
		now, err := term.GetState(int(s.slave.Fd()))
		if err != nil || !reflect.DeepEqual(now, s.before) {
			return err
		}
	}
	return errors.New("the terminal is as it was at first")
}

func (s *screen) exit(want string) error {
	select {
	case <-s.over:
	case <-time.After(patience):
		return errors.New("still running")
	}
	got := strconv.Itoa(s.cmd.ProcessState.ExitCode())
	if status := s.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		got = strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG")
	}
	if got != want {
		return fmt.Errorf("exit %s", got)
	}
	return nil
}

// environ is the story's environment.
func environ(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("env", "-0"))
	return strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\x00"), "\x00")
}

func lookIn(path, program string) string {
	for _, dir := range strings.Split(path, ":") {
		if info, err := os.Stat(dir + "/" + program); err == nil && info.Mode()&0o111 != 0 {
			return dir + "/" + program
		}
	}
	return program
}
