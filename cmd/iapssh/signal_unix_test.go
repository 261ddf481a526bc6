//go:build unix

package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// A signal ends a tunnel while the relay owes the session that checks the way: in order, a command beside it is not started,
// and one in the background has not begun.
func TestTunnelIsCalledOff(t *testing.T) {
	t.Parallel()
	l := newStrictLab(t, lab.Config{Faults: []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.Withhold}}})
	for _, test := range []struct {
		words  []string
		signal syscall.Signal
		code   int
	}{
		{[]string{lab.VM, "22"}, syscall.SIGTERM, 0},
		{[]string{"--wait", lab.VM, "22"}, syscall.SIGINT, 0},
		{[]string{lab.VM + ":22", lab.VM + ":7"}, syscall.SIGHUP, 0},
		{[]string{lab.VM, "22"}, syscall.SIGQUIT, 0},
		{[]string{"-f", lab.VM, "22"}, syscall.SIGTERM, 128 + 15},
		{[]string{lab.VM, "22", "--", "echo", "started"}, syscall.SIGTERM, 128 + 15},
	} {
		p := startIapssh(t, l, append([]string{"--tunnel"}, test.words...)...)
		p.await(t, "^Testing if tunnel connection works")
		p.cmd.Process.Signal(test.signal)
		p.ends(t, test.code)
		if last := p.said[len(p.said)-1]; last != "Server shutdown complete." {
			t.Errorf("%v: it ends with %q", test, last)
		}
	}
}

// A signal while the link is down ends each mode soon, although there are bytes to deliver.
func TestSignalDuringAnOutage(t *testing.T) {
	for _, test := range []struct {
		name  string
		words []string
		begun string // what is said when there is a session
		code  int
	}{
		{"ssh", []string{"-vv", lab.VM, "echo begun >&2; exec cat"}, "^(begun)$", 255},
		{"stdio", []string{"--listen-on-stdin", "-vv", lab.VM, "22"}, "session with the VM: (done)$", 255},
		{"tunnel", []string{"--tunnel", "-vv", lab.VM, "22", "--iap-tunnel-disable-connection-check"}, `^Picking local unused port \[(\d+)\]`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newTolerantLab(t, lab.Config{Faults: []iaptest.Fault{{On: iaptest.OnResume, Do: iaptest.Delay}}})
			cmd := iapsshCommand(t, l, test.words...)
			var typing io.Writer
			typing, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			p := startProcess(t, cmd)
			if begun := p.await(t, test.begun); test.name == "tunnel" {
				client, err := net.Dial("tcp", "127.0.0.1:"+begun)
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				if _, err := client.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				typing = client
			}
			l.Relay.Strike(iaptest.Fault{Do: iaptest.Reset})
			p.await(t, "link to the relay lost")
			typing.Write(make([]byte, 128<<10)) // more than a pipe holds: some is taken
			began := time.Now()
			cmd.Process.Signal(syscall.SIGTERM)
			p.ends(t, test.code)
			if took := time.Since(began); took > 1500*time.Millisecond { // Close has 2 s
				t.Errorf("it took %v to end", took)
			}
		})
	}
}

// What a shell runs in the background survives the keys that interrupt what runs in the foreground.
func TestSignalsIgnoredFromTheStart(t *testing.T) {
	t.Parallel()
	l := newStrictLab(t, lab.Config{})
	cmd := iapsshCommand(t, l, lab.VM, "echo begun >&2; read line; exit 7")
	named := filepath.Join(t.TempDir(), cmd.Args[0]) // the test is iapssh by its name only
	if err := os.Symlink(cmd.Path, named); err != nil {
		t.Fatal(err)
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args = append([]string{"sh", "-c", `trap '' INT QUIT; exec "$0" "$@"`, named}, cmd.Args[1:]...)
	cmd.Path = shell
	typing, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, cmd)
	p.await(t, "^(begun)$")
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Process.Signal(syscall.SIGQUIT)
	typing.Write([]byte("on\n"))
	p.ends(t, 7)
}

// Before there is a session, a signal ends ssh by itself, as in ssh; but for SIGQUIT, of which Go would make a dump.
func TestSignalWhileConnecting(t *testing.T) {
	t.Parallel()
	l := newStrictLab(t, lab.Config{Faults: []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.Withhold}}})
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: -1, syscall.SIGINT: -1, syscall.SIGHUP: -1, syscall.SIGQUIT: 255} {
		p := startIapssh(t, l, "-v", lab.VM)
		p.await(t, "^debug1: WebSocket upgrade: status 101")
		p.cmd.Process.Signal(signal)
		p.ends(t, code)
		if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); code < 0 && status.Signal() != signal {
			t.Errorf("%v: died of %v", signal, status.Signal())
		}
		if last := p.said[len(p.said)-1]; !strings.HasPrefix(last, "debug1:") {
			t.Errorf("%v: it ends with %q", signal, last)
		}
	}
}
