//go:build unix

package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/iapssh/iapssh/sshclient/sshtest/dialogue"
)

// -W carries each direction to its end as well, whichever ends first.
func TestForwardStdio(t *testing.T) {
	t.Parallel()
	for _, route := range forwardRoutes {
		t.Run(route.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for _, network := range []string{"tcp", "unix"} {
				for _, manners := range []dialogue.Manners{dialogue.Patient, dialogue.Impatient} {
					service := dialogue.Serve(t, network, manners)
					cmd := iapsshCommand(t, l, append([]string{"-W", service.Addr.String()}, route.to(l)...)...)
					cmd.Stderr = os.Stderr
					service.Talk(t, connectTo(t, cmd))
					if err := cmd.Wait(); err != nil {
						t.Errorf("%s: %v", network, err)
					}
				}
			}
		})
	}
}

// processConn is a process, as a connection through its standard files.
type processConn struct {
	net.Conn // none: what else it has is not used
	stdin    io.WriteCloser
	stdout   io.Reader
}

// connectTo starts a process.
func connectTo(t *testing.T, cmd *exec.Cmd) *processConn {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &processConn{stdin: stdin, stdout: stdout}
}

func (c *processConn) Read(p []byte) (int, error)  { return c.stdout.Read(p) }
func (c *processConn) Write(p []byte) (int, error) { return c.stdin.Write(p) }
func (c *processConn) CloseWrite() error           { return c.stdin.Close() }
func (c *processConn) Close() error                { return nil }
