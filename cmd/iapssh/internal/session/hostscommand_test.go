//go:build unix

package session

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestRunBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := time.AfterFunc(50*time.Millisecond, cancel)
	defer release.Stop()
	if _, err := runBounded(ctx, []string{"/bin/sleep", "100"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a command outlives its context: %v", err)
	}
	if _, err := runBounded(t.Context(), []string{"/bin/sh", "-c", "yes"}); !errors.Is(err, errCommandOutput) {
		t.Errorf("endless output: %v", err)
	}
	if text, err := runBounded(t.Context(), []string{"/bin/sh", "-c", "cat; echo out"}); err != nil || text != "out\n" {
		t.Errorf("got %q, %v", text, err)
	}
}
