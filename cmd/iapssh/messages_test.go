package main

import (
	"os"
	"testing"
)

// A panic after run, or beside its end, must be seen.
func TestStderrStaysOpen(t *testing.T) {
	if code := run(t.Context(), "iapssh", []string{"--version"}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stderr.Stat(); err != nil {
		t.Error(err)
	}
}
