package session

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	bulkBytes = flag.Int64("bytes", 1<<30, "how much goes there and back")
	sessions  = flag.Int("sessions", 1000, "how many sessions must leave nothing behind")
)

// What goes through comes back, and the status with it.
func TestBulk(t *testing.T) {
	needLab(t)
	sent, received := sha256.New(), sha256.New()
	cmd := ours.command("cat; exit 7")
	cmd.Stdin = io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), *bulkBytes), sent)
	cmd.Stdout = received
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("status: %v, want 7", err)
	}
	if got, want := hex.EncodeToString(received.Sum(nil)), hex.EncodeToString(sent.Sum(nil)); got != want {
		t.Errorf("what came back has hash %s, what was sent %s", got, want)
	}
}

// Many sessions, one after the other, leave no process, file, socket or descriptor behind: neither here nor with the lab's
// servers.
func TestSessionsLeaveNothing(t *testing.T) {
	needLab(t)
	temp := t.TempDir()
	run := func() {
		cmd := ours.command("true")
		cmd.Env = append(os.Environ(), "TMPDIR="+temp)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
	run() // what it caches stays
	before := leftovers(t, temp)
	for range *sessions {
		run()
	}
	var after []string
	for range 50 { // sshd and the relay end after their client
		if after = leftovers(t, temp); slices.Equal(before, after) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("before\n%s\nafter %d sessions\n%s", strings.Join(before, "\n"), *sessions, strings.Join(after, "\n"))
}

// leftovers lists files in the home and temporary directories, children of this process and of the lab, and how many
// descriptors and sockets the lab has.
func leftovers(t *testing.T, temp string) []string {
	t.Helper()
	var left []string
	for _, dir := range []string{os.Getenv("HOME"), temp} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			left = append(left, path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lab := os.Getppid()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Skipf("this system has no /proc: %v", err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		// PID (COMMAND) STATE PARENT …
		name, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && (fields[1] == fmt.Sprint(lab) || fields[1] == fmt.Sprint(os.Getpid())) {
			left = append(left, name)
		}
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", lab))
	if err != nil {
		t.Fatal(err)
	}
	return append(left, fmt.Sprintf("%d descriptors of the lab", len(descriptors)))
}

// A way to the relay that is gone for half a minute ends no shell, though the server is to answer every second.
func TestOutage(t *testing.T) {
	needLab(t)
	way, relay := wayToRelay(t, 0)
	defer way.Close()
	cmd := exec.Command("iapssh", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "lab-vm", "cat")
	cmd.Env, cmd.Stderr = append(os.Environ(), relay), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	echo := func(text string) {
		t.Helper()
		got := make([]byte, len(text))
		if _, err := io.ReadFull(out, got); err != nil || string(got) != text {
			t.Fatalf("%q came back as %q, %v", text, got, err)
		}
	}
	io.WriteString(in, "before\n")
	echo("before\n")
	way.Cut()
	io.WriteString(in, "meanwhile\n")
	time.Sleep(30 * time.Second)
	way.Mend()
	echo("meanwhile\n")
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
