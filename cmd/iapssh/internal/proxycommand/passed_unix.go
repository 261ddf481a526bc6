//go:build unix

package proxycommand

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

var errNotPassed = errors.New("proxy dialer did not pass back a connection") // in ssh's words

// DialPassed starts a command that makes the connection itself, hands it to us, and ends (ProxyUseFdpass). ctx bounds that.
func DialPassed(ctx context.Context, command, host string) (net.Conn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	cmd := shell(command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, os.Stderr
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return nil, err
	}
	f, err := receive(ctx, ours)
	if err != nil {
		end(cmd)
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { hangUp(cmd.Process) })
	defer stop()
	cmd.Wait() // ssh does not look at its status either
	return &passed{File: f, host: host}, nil
}

// end ends a command that has failed us.
func end(cmd *exec.Cmd) {
	hangUp(cmd.Process)
	patience := time.AfterFunc(partingTime, func() { cmd.Process.Kill() })
	defer patience.Stop()
	cmd.Wait()
}

// socketPair is where the command has its standard input and output: one socket, as it can only be handed over there.
func socketPair() (ours *net.UnixConn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	mine := os.NewFile(uintptr(fds[0]), "proxy dialer")
	defer mine.Close()
	theirs = os.NewFile(uintptr(fds[1]), "proxy dialer")
	conn, err := net.FileConn(mine)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}

// receive takes one descriptor from the command: a byte comes with it, as from OpenSSH's mm_send_fd.
func receive(ctx context.Context, from *net.UnixConn) (*os.File, error) {
	stop := context.AfterFunc(ctx, func() { from.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	control := make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := from.ReadMsgUnix(make([]byte, 1), control)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(errNotPassed, err)
	}
	messages, err := syscall.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return nil, errNotPassed
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errNotPassed
	}
	// It may be of a kind that package net does not know, such as a vsock.
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		syscall.Close(fds[0])
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "passed connection"), nil
}

// passed is a connection that a command has made.
type passed struct {
	*os.File
	host string
}

func (c *passed) LocalAddr() net.Addr  { return addr("localhost") }
func (c *passed) RemoteAddr() net.Addr { return addr(c.host) }
