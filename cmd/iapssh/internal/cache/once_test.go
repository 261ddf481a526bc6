package cache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func always() bool { return true }

// ignoring makes a renewal of one that needs no context.
func ignoring(renew func() (time.Duration, error)) func(context.Context) (time.Duration, error) {
	return func(context.Context) (time.Duration, error) { return renew() }
}

// This binary plays the other processes, as the environment variable says: "hold" takes a lock and keeps it until it is killed,
// "renew" gets an entry and tells how.
const (
	envRole = "CACHE_TEST_ROLE"
	envDir  = "CACHE_TEST_DIR"
)

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		os.Exit(m.Run())
	case "hold":
		err := play(func() (time.Duration, error) {
			fmt.Println("locked")
			untilTold()
			return 0, nil
		})
		fmt.Println(err)
	case "renew":
		fmt.Println("here")
		err := play(func() (time.Duration, error) {
			fmt.Println("renewed")
			untilTold()
			return time.Hour, nil
		})
		fmt.Println(err)
	}
}

// untilTold waits for the test to end this process's input.
func untilTold() { io.Copy(io.Discard, os.Stdin) }

func play(renew func() (time.Duration, error)) error {
	c, err := Open(os.Getenv(envDir), "")
	if err != nil {
		return err
	}
	value := 7
	return c.For(alice).Once(context.Background(), "token", "", &value, always, ignoring(renew))
}

// process is one of the other processes.
type process struct {
	*exec.Cmd
	out  *bufio.Reader
	tell io.Closer // see untilTold
}

// other starts a process with a role.
func other(t *testing.T, role, dir string) process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRole+"="+role, envDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return process{cmd, bufio.NewReader(out), in}
}

func TestOneOfManyProcesses(t *testing.T) {
	_, dir := open(t)
	var all []process
	for range 12 {
		all = append(all, other(t, "renew", dir))
	}
	for i, p := range all { // none has renewed before all have come
		if line, err := p.out.ReadString('\n'); line != "here\n" {
			t.Fatalf("process %d: %q, %v", i, line, err)
		}
	}
	for _, p := range all {
		p.tell.Close()
	}
	renewed := 0
	for i, p := range all {
		text, err := io.ReadAll(p.out)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		switch string(text) {
		case "renewed\n<nil>\n":
			renewed++
		case "<nil>\n":
		default:
			t.Errorf("process %d: %q", i, text)
		}
	}
	if renewed != 1 {
		t.Errorf("%d processes renewed", renewed)
	}
}

// A lock dies with the process that holds it.
func TestHolderIsKilled(t *testing.T) {
	c, dir := open(t)
	p := other(t, "hold", dir)
	if line, err := p.out.ReadString('\n'); line != "locked\n" {
		t.Fatalf("%q, %v", line, err)
	}
	value := 0
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	refuse := ignoring(func() (time.Duration, error) { return 0, errors.New("the lock is another's") })
	if err := c.For(alice).Once(ctx, "token", "", &value, always, refuse); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it lives: %v", err)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // killed
	set := func() (time.Duration, error) { value = 8; return time.Hour, nil }
	if err := c.For(alice).Once(t.Context(), "token", "", &value, always, ignoring(set)); err != nil || value != 8 {
		t.Errorf("after it: %d, %v", value, err)
	}
}

// A holder that is suspended keeps its lock; time is not the clock's here.
func TestHolderIsSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := open(t)
		s := c.For(alice)
		lock, held := c.tryLock(s.key("token", "").base() + lockSuffix)
		if !held {
			t.Fatal("not locked")
		}
		defer lock.Close()
		began, value := time.Now(), 0
		set := func() (time.Duration, error) { value = 9; return time.Hour, nil }
		if err := s.Once(t.Context(), "token", "", &value, always, ignoring(set)); err != nil || value != 9 {
			t.Errorf("%d, %v", value, err)
		}
		if waited := time.Since(began); waited < patience || waited > patience+maxWait {
			t.Errorf("waited %v", waited)
		}
	})
}

// When the first one fails the next one tries, and its result serves the others.
func TestFailureIsNotShared(t *testing.T) {
	c, _ := open(t)
	var calls atomic.Int32
	var failed atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			value := ""
			renew := func() (time.Duration, error) {
				if calls.Add(1) == 1 {
					return 0, errors.New("out of luck")
				}
				value = "found"
				return time.Hour, nil
			}
			switch err := c.For(alice).Once(t.Context(), "token", "", &value, always, ignoring(renew)); {
			case err != nil:
				failed.Add(1)
			case value != "found":
				t.Errorf("got %q", value)
			}
		})
	}
	wg.Wait()
	if calls.Load() != 2 || failed.Load() != 1 {
		t.Errorf("%d calls, %d failures", calls.Load(), failed.Load())
	}
}

// An entry that its reader does not approve of is replaced, once.
func TestNotGood(t *testing.T) {
	c, _ := open(t)
	s := c.For(alice)
	s.Put("token", "", "refused", time.Hour)
	value, calls := "", 0
	renew := func() (time.Duration, error) { calls++; value = "fresh"; return time.Hour, nil }
	for range 2 {
		if err := s.Once(t.Context(), "token", "", &value, func() bool { return value != "refused" }, ignoring(renew)); err != nil || value != "fresh" {
			t.Errorf("%q, %v", value, err)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}
