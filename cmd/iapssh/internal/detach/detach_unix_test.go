//go:build unix

package detach

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary is both processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Argument {
		os.Exit(second())
	}
	os.Exit(m.Run())
}

// second does what its plan says.
func second() int {
	plan, self, err := Inherited()
	if err != nil {
		return 3
	}
	if string(plan) == "fail" {
		return 7
	}
	before, _ := unix.Getsid(0)
	if err := self.Detach(os.Stdout, os.Stderr); err != nil {
		return 4
	}
	after, _ := unix.Getsid(0)
	if before == after || after != os.Getpid() || string(plan) != strings.Repeat("detach", 50000) {
		os.WriteFile(os.Getenv("DETACH_RESULT"), []byte("wrong"), 0o600)
		return 5
	}
	os.WriteFile(os.Getenv("DETACH_RESULT"), []byte("right"), 0o600)
	return 9 // nobody sees it
}

func TestDetach(t *testing.T) {
	result := t.TempDir() + "/result"
	unix.Mkfifo(result, 0o600)
	t.Setenv("DETACH_RESULT", result)
	var other [2]int // a pipe that we have as if inherited
	if err := unix.Pipe(other[:]); err != nil {
		t.Fatal(err)
	}
	child, err := Start(os.Args[0], []byte(strings.Repeat("detach", 50000)), "a word")
	if err != nil {
		t.Fatal(err)
	}
	if code := child.Wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	unix.Close(other[1])
	ready := []unix.PollFd{{Fd: int32(other[0]), Events: unix.POLLIN}}
	if n, err := unix.Poll(ready, 0); n != 1 || ready[0].Revents&unix.POLLHUP == 0 {
		t.Errorf("the second process holds a pipe open: %v, %v", ready[0], err)
	}
	unix.Close(other[0])
	if got, err := os.ReadFile(result); string(got) != "right" || err != nil {
		t.Errorf("the second process found it %q, %v", got, err)
	}
}

func TestEndBeforeDetach(t *testing.T) {
	child, err := Start(os.Args[0], []byte("fail"))
	if err != nil {
		t.Fatal(err)
	}
	if code := child.Wait(); code != 7 {
		t.Errorf("exit %d", code)
	}
}

func TestNothingInherited(t *testing.T) {
	child, err := Start(os.Args[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if code := child.Wait(); code != 3 {
		t.Errorf("exit %d", code)
	}
}
