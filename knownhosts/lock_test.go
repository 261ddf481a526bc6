package knownhosts

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// Time is not the clock's here: the patience takes none.
func TestLockedByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kh")
	synctest.Test(t, func(t *testing.T) {
		other, err := openLocked(path)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		start := time.Now()
		if _, err := openLocked(path); !errors.Is(err, ErrLocked) {
			t.Errorf("got %v, want ErrLocked", err)
		}
		if waited := time.Since(start); waited < lockPatience || waited > lockPatience+2*lockRetry {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestFileReplacedWhileLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kh")
	synctest.Test(t, func(t *testing.T) {
		other, err := openLocked(path)
		if err != nil {
			t.Fatal(err)
		}
		opened := make(chan *os.File)
		go func() {
			f, err := openLocked(path)
			if err != nil {
				t.Error(err)
			}
			opened <- f
		}()
		time.Sleep(lockRetry / 2) // it waits now
		if err := os.Rename(path, path+".old"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("new\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		other.Close()
		f := <-opened
		defer f.Close()
		if !isAt(f, path) {
			t.Error("the old file was opened")
		}
	})
}
