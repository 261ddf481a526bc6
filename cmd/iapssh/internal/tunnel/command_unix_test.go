//go:build unix

package tunnel

import (
	"os"
	"syscall"
	"testing"
)

// A signal that came before the command was started is the command's.
func TestSignalBeforeTheCommand(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	code, err := Command{Words: []string{"sleep", "60"}, Environ: os.Environ(), Signals: signals}.Run()
	if code != ExitOf(syscall.SIGTERM) || err != nil {
		t.Errorf("%d, %v", code, err)
	}
}
