//go:build unix

package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
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

// Who reads what -W brings may have had enough, without a word from us.
func TestForwardStdioUnread(t *testing.T) {
	t.Parallel()
	source, l := listen(t), newLab(t)
	go func() {
		for {
			conn, err := source.Accept()
			if err != nil {
				return
			}
			io.Copy(conn, neverending{})
			conn.Close()
		}
	}()
	cmd := iapsshCommand(t, l, "-W", source.Addr().String(), "lab-vm")
	var said strings.Builder
	cmd.Stderr = &said
	c := connectTo(t, cmd)
	io.ReadFull(c, make([]byte, 1))
	c.stdout.Close()
	if err := cmd.Wait(); err != nil || said.Len() > 0 {
		t.Errorf("%v: %s", err, said.String())
	}
}

// neverending has more to say, always.
type neverending struct{}

func (neverending) Read(p []byte) (int, error) { return len(p), nil }

// processConn is a process, as a connection through its standard files.
type processConn struct {
	net.Conn // none: what else it has is not used
	stdin    io.WriteCloser
	stdout   io.ReadCloser
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
