// Package proxycommand reaches a host through a command of the user's, as ssh_config's ProxyCommand has it: the command's
// standard input and output are the connection, its standard error is ours.
package proxycommand

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"time"
)

// partingTime is how long a command may take to end once its connection is closed, before it is killed.
const partingTime = time.Second

// Dial starts the command, whose tokens are expanded, with the user's shell. That it cannot do its work shows, as in ssh, when
// the connection ends before the server has spoken. host names the far side in the conn's address.
func Dial(command, host string) (net.Conn, error) {
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), ourOut.Close())
	}
	cmd := shell(command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, os.Stderr
	err = cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		ourIn.Close()
		ourOut.Close()
		return nil, err
	}
	c := &conn{in: ourIn, out: ourOut, cmd: cmd, host: host, ended: make(chan struct{})}
	go c.reap()
	return c, nil
}

// conn is the connection. (The files are not embedded: they have more methods than are meant.)
type conn struct {
	in    *os.File
	out   *os.File
	cmd   *exec.Cmd
	host  string
	ended chan struct{} // closed by reap when the command has ended
}

// reap waits for the command, so that it does not stay behind as a zombie. Close joins it.
func (c *conn) reap() {
	c.cmd.Wait()
	close(c.ended)
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.Write(p) }

// Close closes both pipes and ends the command, which ssh does with SIGHUP. Every Close returns when the command has ended: a
// process that ended before would leave it behind.
func (c *conn) Close() error {
	err := errors.Join(c.out.Close(), c.in.Close())
	if err != nil { // closed before
		<-c.ended
		return err
	}
	hangUp(c.cmd.Process)
	patience := time.NewTimer(partingTime)
	defer patience.Stop()
	select {
	case <-c.ended:
	case <-patience.C:
		c.cmd.Process.Kill()
		<-c.ended
	}
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.in.SetReadDeadline(t), c.out.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error  { return c.in.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.out.SetWriteDeadline(t) }

func (c *conn) LocalAddr() net.Addr  { return addr("localhost") }
func (c *conn) RemoteAddr() net.Addr { return addr(c.host) }

// addr names a side; there is no port that means anything.
type addr string

func (addr) Network() string  { return "proxycommand" }
func (a addr) String() string { return net.JoinHostPort(string(a), "65535") }
