package knownhosts_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
)

func TestAppend(t *testing.T) {
	line := "web,10.0.0.1 " + keyLine(t, "ed25519") + "\n"
	for _, c := range []struct{ name, before, after string }{
		{"empty", "", line},
		{"complete", "# mine\nodd line", "# mine\nodd line\n" + line},
		{"no line ending", "# mine", "# mine\n" + line},
		{"CRLF", "# mine\r\n", "# mine\r\n" + line},
		{"broken bytes", "\x00\xff\n", "\x00\xff\n" + line},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "kh")
			write(t, path, c.before)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
			if err := knownhosts.Append(path, []string{"WEB", "10.0.0.1"}, key(t, "ed25519"), false); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != c.after {
				t.Errorf("got %q, want %q", got, c.after)
			}
			checkMode(t, path, 0o640)
		})
	}
}

func TestAppendCreates(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".ssh")
	path := filepath.Join(dir, "kh")
	if err := knownhosts.Append(path, []string{"web", "[web]:2222"}, key(t, "ed25519"), true); err != nil {
		t.Fatal(err)
	}
	checkMode(t, dir, 0o700)
	checkMode(t, path, 0o600)
	if got := read(t, path); strings.Contains(got, "web") || strings.Count(got, "|1|") != 2 {
		t.Errorf("hashed as %q", got)
	}
	s, err := knownhosts.Read([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web", "[web]:2222"} {
		if entries, _ := s.Lookup(name); len(entries) != 1 {
			t.Errorf("%s is at %v", name, entries)
		}
	}
}

// Many that learn the same host at once, as a fleet's first connections through one jump host do, store it once; what is new is added.
func TestAppendStoresOnce(t *testing.T) {
	for _, hash := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "kh")
		for _, names := range [][]string{{"web"}, {"WEB"}, {"web", "10.0.0.1"}, {"10.0.0.1"}} {
			if err := knownhosts.Append(path, names, key(t, "ed25519"), hash); err != nil {
				t.Fatal(err)
			}
		}
		if err := knownhosts.Append(path, []string{"web"}, key(t, "rsa"), hash); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(read(t, path), "\n"); got != 3 {
			t.Errorf("hash %t: %d lines:\n%s", hash, got, read(t, path))
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kh")
	for _, name := range []string{"", "a b", "a,b", "*", "h?", "!a", "#a", "|1|x", "@revoked", "a\nb", "a\rb", "a\tb", "a]", "[a", "[a]", "[a]:", "[a]:x", "[]:22", "a\x00", "a\"b", `a\b`} {
		if err := knownhosts.Append(path, []string{"ok", name}, key(t, "ed25519"), false); !errors.Is(err, knownhosts.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused name created the file: %v", err)
	}
	for _, name := range []string{"fe80::1%eth0", "[fe80::1]:22", "compute.1234", "vm.us-central1-a.example.com:project"} {
		if err := knownhosts.Append(path, []string{name}, key(t, "ed25519"), false); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAppendNotPossible(t *testing.T) {
	dir := t.TempDir()
	err := knownhosts.Append(dir, []string{"web"}, key(t, "ed25519"), false)
	if !errors.Is(err, knownhosts.ErrIsDirectory) || !strings.Contains(err.Error(), dir) {
		t.Errorf("directory: %v", err)
	}
	// A file where a directory should be is unwritable for root too.
	write(t, filepath.Join(dir, "file"), "")
	var pathErr *fs.PathError
	if err := knownhosts.Append(filepath.Join(dir, "file", "kh"), []string{"web"}, key(t, "ed25519"), false); !errors.As(err, &pathErr) {
		t.Errorf("file as directory: %v", err)
	}
	if err := knownhosts.Append(filepath.Join(dir, "no", "such", "kh"), []string{"web"}, key(t, "ed25519"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory of directory missing: %v", err)
	}
}

// UserKnownHostsFile /dev/null is how people say that they want to learn nothing.
func TestAppendToNowhere(t *testing.T) {
	if err := knownhosts.Append(os.DevNull, []string{"web"}, key(t, "ed25519"), false); err != nil {
		t.Error(err)
	}
	s, err := knownhosts.Read([]string{os.DevNull}, nil)
	if err != nil || len(s.Unread) != 0 {
		t.Error(err, s.Unread)
	}
}

const learners, learned = 2, 200

// learn is another process that learns many hosts.
func learn(path, name string) int {
	key, err := ssh.NewPublicKey(privateKeys()["ed25519"].Public())
	for i := 0; i < learned && err == nil; i++ {
		err = knownhosts.Append(path, []string{fmt.Sprintf("%s%d", name, i)}, key, i%2 == 0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestProcessesLearnTogether(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "new", "kh")
	var running []*exec.Cmd
	for i := range learners {
		cmd := exec.Command(self, path, fmt.Sprintf("host%d-", i))
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleEnv+"=learn")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	s, err := knownhosts.Read([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range learners {
		for j := range learned {
			if entries, _ := s.Lookup(fmt.Sprintf("host%d-%d", i, j)); len(entries) != 1 {
				t.Errorf("host%d-%d is there %d times", i, j, len(entries))
			}
		}
	}
	if problems := s.Problems(); len(problems) > 0 {
		t.Error(problems)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func checkMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
	}
}
