//go:build !windows

package cache

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestOnlyOurs(t *testing.T) {
	c, dir := open(t)
	c.For(alice).Put("vm", "a", 1, time.Hour)
	if err := c.For(alice).Once(t.Context(), "vm", "b", new(int), always, ignoring(func() (time.Duration, error) { return time.Hour, nil })); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "*")} {
		found, err := filepath.Glob(path)
		if err != nil || len(found) == 0 {
			t.Fatal(err)
		}
		for _, name := range found {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: mode %v", name, info.Mode())
			}
		}
	}
}

func TestNotPrivate(t *testing.T) {
	_, dir := open(t)
	for _, mode := range []os.FileMode{0o710, 0o704, 0o720, 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if c, err := Open(dir, ""); c != nil || !errors.Is(err, ErrNotPrivate) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !isPrivate(info, os.Geteuid()) || isPrivate(info, os.Geteuid()+1) {
		t.Error("whose directory it is makes no difference")
	}
}
