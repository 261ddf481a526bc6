//go:build unix

package main

import (
	"syscall"
	"testing"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// A signal ends a tunnel while the relay owes the session that checks the way: in order, and a command beside it is not started.
func TestTunnelIsCalledOff(t *testing.T) {
	t.Parallel()
	l := newStrictLab(t, lab.Config{Faults: []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.Withhold}}})
	for _, test := range []struct {
		words  []string
		signal syscall.Signal
		code   int
	}{
		{[]string{lab.VM, "22"}, syscall.SIGTERM, 0},
		{[]string{"--wait", lab.VM, "22"}, syscall.SIGINT, 0},
		{[]string{lab.VM + ":22", lab.VM + ":7"}, syscall.SIGHUP, 0},
		{[]string{lab.VM, "22"}, syscall.SIGQUIT, 0},
		{[]string{lab.VM, "22", "--", "echo", "started"}, syscall.SIGTERM, 128 + 15},
	} {
		p := startIapssh(t, l, append([]string{"--tunnel"}, test.words...)...)
		p.await(t, "^Testing if tunnel connection works")
		p.cmd.Process.Signal(test.signal)
		p.ends(t, test.code)
		if last := p.said[len(p.said)-1]; last != "Server shutdown complete." {
			t.Errorf("%v: it ends with %q", test, last)
		}
	}
}
