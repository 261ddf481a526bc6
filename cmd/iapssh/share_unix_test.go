//go:build unix

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/lab"
)

// How much of what needs a quiet machine is done, and how strictly.
var (
	kills      = flag.Int("kills", 2, "how often a master is killed")
	killBound  = flag.Duration("killbound", 20*time.Second, "within which its clients must know")
	sessions   = flag.Int("sessions", 20, "how many sessions there are at a time on one master")
	shareBound = flag.Duration("sharebound", 0, "how long a shared command may take beside two round trips; 0: not measured")
)

// sharingLab is a lab, and the environment in it.
type sharingLab struct {
	*lab.Lab
	dir string
	env []string
}

func newSharingLab(t *testing.T, cfg lab.Config) *sharingLab {
	t.Helper()
	dir, err := os.MkdirTemp("", "share") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cfg.Dir = filepath.Join(dir, "lab")
	if err := os.Mkdir(cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := lab.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	env := append(l.Environ(os.Environ()), "PATH="+l.Path(os.Getenv("PATH"), dir))
	return &sharingLab{l, dir, env}
}

// command is a program in the lab.
func (l *sharingLab) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(lookIn(l.Path(os.Getenv("PATH"), l.dir), program), args...)
	cmd.Env, cmd.Dir = l.env, l.dir
	return cmd
}

// master starts a master, and returns when it serves.
func (l *sharingLab) master(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := l.command("iapssh", append(args, "-MN", "-S", "s")...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); l.command("iapssh", "-S", "s", "-O", "check", lab.VM).Run() != nil; {
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("no master: %s", said.String())
		}
	}
	return cmd
}

// Whenever a master is killed, nobody waits for it: each client ends, and not as if all
// were well. A connection of one's own is no way out here.
func TestMasterIsKilled(t *testing.T) {
	t.Parallel()
	l := newSharingLab(t, lab.Config{SSHD: true})
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	for try := range *kills {
		l.killMaster(t, try, time.Duration(random.Int64N(int64(400*time.Millisecond))))
	}
}

func (l *sharingLab) killMaster(t *testing.T, try int, after time.Duration) {
	t.Helper()
	master := l.master(t, lab.VM)
	os.Remove(filepath.Join(l.dir, "go"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients []*client
	for _, words := range [][]string{
		{"iapssh", "-S", "s", "-o", "ProxyCommand=false", lab.VM, "sleep 600"},
		{"iapssh", "-S", "s", "-o", "ProxyCommand=false", "-tt", lab.VM, "cat"},
		{"iapssh", "-S", "s", "-o", "ProxyCommand=false", lab.VM, "cat /dev/zero"},
		{"ssh", "-S", "s", "-o", "ProxyCommand=false", lab.VM, "sleep 600"},
		{"ssh", "-S", "s", "-o", "ProxyCommand=false", lab.VM, "cat /dev/zero"},
	} {
		clients = append(clients, l.client(t, ctx, words))
	}
	time.Sleep(after) // the moment is what is tried
	master.Process.Kill()
	begin := time.Now()
	master.Wait()
	for _, c := range clients {
		select {
		case <-c.over:
			if c.cmd.ProcessState.Success() {
				t.Errorf("try %d, %v: %v succeeded", try, after, c.cmd.Args)
			}
		case <-time.After(time.Until(begin.Add(*killBound))):
			t.Errorf("try %d, %v: %v still waits; it has said %s", try, after, c.cmd.Args, c.said.String())
			c.cmd.Process.Kill()
			<-c.over
		}
	}
	os.Remove(filepath.Join(l.dir, "s"))
}

// client is a process that shares a connection.
type client struct {
	cmd  *exec.Cmd
	said bytes.Buffer
	over chan struct{} // closed when it has ended
}

func (l *sharingLab) client(t *testing.T, ctx context.Context, words []string) *client {
	t.Helper()
	c := &client{cmd: l.command(words[0], words[1:]...), over: make(chan struct{})}
	stdin, err := c.cmd.StdinPipe() // open, and empty
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = &c.said
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.over)
		c.cmd.Wait()
		stdin.Close()
	}()
	return c
}

// Many sessions at once, each with what it has been told.
func TestManySessions(t *testing.T) {
	t.Parallel()
	l := newSharingLab(t, lab.Config{}) // whose server has no MaxSessions
	master := l.master(t, lab.VM)
	defer master.Wait()
	defer master.Process.Kill()
	var work sync.WaitGroup
	for i := range *sessions {
		work.Go(func() {
			program := []string{"iapssh", "ssh"}[i%2]
			cmd := l.command(program, "-S", "s", "-o", "ProxyCommand=false", lab.VM, fmt.Sprintf("cat; exit %d", i%200))
			cmd.Stdin = strings.NewReader(fmt.Sprint("input ", i))
			out, err := cmd.CombinedOutput()
			if string(out) != fmt.Sprint("input ", i) || cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != i%200 {
				t.Errorf("%s %d: %q, %v", program, i, out, err)
			}
		})
	}
	work.Wait()
}

// A shared command takes two round trips to the server, and next to nothing beside.
func TestSharedCommandIsQuick(t *testing.T) {
	if *shareBound == 0 {
		t.Skip("wants a quiet machine: -sharebound")
	}
	const roundTrip = 100 * time.Millisecond
	l := newSharingLab(t, lab.Config{SSHD: true})
	host, port, err := net.SplitHostPort(delayed(t, l.Addr, roundTrip/2).Addr())
	if err != nil {
		t.Fatal(err)
	}
	to := []string{"-p", port, "-o", "IAP=no", "-o", "StrictHostKeyChecking=no", host}
	master := l.master(t, to...)
	defer master.Wait()
	defer master.Process.Kill()
	best := time.Hour
	for range 10 {
		begin := time.Now()
		if out, err := l.command("iapssh", append(append([]string{"-S", "s"}, to...), "true")...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		best = min(best, time.Since(begin))
	}
	t.Logf("%v, of which %v are round trips", best, 2*roundTrip)
	if best > 2*roundTrip+*shareBound {
		t.Errorf("a shared command takes %v", best)
	}
}
