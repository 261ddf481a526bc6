package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Patience is how long a master may take to prove that it is alive. One that holds
// its connection does so at once, whatever the server or the network does.
const Patience = 750 * time.Millisecond

// Why there is no master to be had; a *[MasterError] wraps one of them.
var (
	ErrNone    = errors.New("there is no control socket")
	ErrStale   = errors.New("nobody serves the control socket")
	ErrSilent  = errors.New("the master does not answer")
	ErrForeign = errors.New("the control socket is another user's")
)

// MasterError says why a master cannot be used.
type MasterError struct {
	Path string
	Err  error

	socket fs.FileInfo // nil if there is none
}

// Remove removes the socket that has no master, unless another has taken its place since.
func (e *MasterError) Remove() error {
	if e.socket == nil || e.socket.Mode().Type() != fs.ModeSocket {
		return e
	}
	return removeSocket(e.Path, e.socket)
}

func (e *MasterError) Error() string {
	return fmt.Sprintf("Control socket connect(%.100s): %v", e.Path, e.Err)
}

func (e *MasterError) Unwrap() error { return e.Err }

// RefusedError is a master's answer to a request that it does not follow.
type RefusedError struct {
	Denied bool   // its user said no
	Reason string // as the master wrote it
}

func (e *RefusedError) Error() string { return e.Reason }

// ErrOpenRefused is the refusal of a master whose server opens no further session.
var ErrOpenRefused = &RefusedError{Reason: "Session open refused by peer"}

// NoSessionError says that a shared connection has not given a session, before anything was
// taken from standard input: a connection of one's own may.
type NoSessionError struct{ Err error }

func (e *NoSessionError) Error() string { return "session request failed: " + e.Err.Error() }

func (e *NoSessionError) Unwrap() error { return e.Err }

// Dial finds the master that listens on a socket. Within [Patience], and ctx, it has
// proved that it is alive, or the error is a *[MasterError] that wraps one of the
// reasons above, or what else went wrong.
func Dial(ctx context.Context, path string) (*Master, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, ErrSilent)
	defer cancel()
	socket, _ := os.Lstat(path) // before anybody is asked there
	m, err := dial(ctx, path)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, &MasterError{path, err, socket}
	}
	return m, nil
}

func dial(ctx context.Context, path string) (*Master, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	socket, err := connect(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := checkPeer(socket); err != nil {
		socket.Close()
		return nil, err
	}
	m := &Master{conn: &conn{Conn: socket}}
	// A socket is deaf to contexts: it is closed instead.
	release := context.AfterFunc(ctx, m.abort)
	err = m.greet()
	if isHangUp(err) { // it is ending
		err = fmt.Errorf("%w: %w", ErrStale, innermost(err))
	}
	if !release() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	return m, nil
}

// isHangUp says that the other end has closed the connection, or has died.
func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

// connectPause is between attempts on a socket whose master has more to accept than
// its queue holds.
const connectPause = 10 * time.Millisecond

func connect(ctx context.Context, path string) (*net.UnixConn, error) {
	for {
		socket, err := new(net.Dialer).DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			return socket.(*net.UnixConn), nil
		case errors.Is(err, fs.ErrNotExist), isRefused(err) && isMissing(path): // Windows refuses what is not there
			return nil, fmt.Errorf("%w: %w", ErrNone, innermost(err))
		case isRefused(err):
			return nil, fmt.Errorf("%w: %w", ErrStale, innermost(err))
		case !errors.Is(err, syscall.EAGAIN):
			return nil, innermost(err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(connectPause):
		}
	}
}

func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// innermost is the error without the operation and the path, which are told anyway.
func innermost(err error) error {
	if system, ok := errors.AsType[*os.SyscallError](err); ok {
		return system.Err
	}
	return err
}

// PathError says that a path is too long for a socket's.
type PathError struct {
	Path string
	Max  int // bytes of a path
}

func (e *PathError) Error() string {
	return fmt.Sprintf("ControlPath too long ('%s' >= %d bytes)", e.Path, e.Max+1)
}

func checkPath(path string) error {
	var address syscall.RawSockaddrUnix
	if limit := len(address.Path) - 1; len(path) > limit {
		return &PathError{path, limit}
	}
	return nil
}
