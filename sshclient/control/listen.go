package control

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// ErrExists says that there is a control socket already.
var ErrExists = errors.New("control socket already exists")

// BindError says that a control socket could not be made.
type BindError struct {
	Path string
	Err  error
}

func (e *BindError) Error() string { return fmt.Sprintf("control socket %s: %v", e.Path, e.Err) }

func (e *BindError) Unwrap() error { return e.Err }

// Listener is a control socket that we listen on.
type Listener struct {
	*net.UnixListener
	path   string
	made   fs.FileInfo
	once   sync.Once
	closed error
}

// Listen makes a control socket that is its user's alone. It appears under its name at
// once with somebody listening, so that nobody takes it for a stale one. The error
// wraps ErrExists if something of that name is there, whatever it is; or it is a
// *[PathError] or a *[BindError].
func Listen(path string) (*Listener, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	listener, err := listenAt(path)
	if errors.Is(err, ErrExists) {
		return nil, err
	}
	if err != nil {
		return nil, &BindError{path, err}
	}
	listener.SetUnlinkOnClose(false)
	l := &Listener{UnixListener: listener, path: path}
	if l.made, err = os.Lstat(path); err != nil {
		listener.Close()
		return nil, err
	}
	return l, nil
}

// Close ends listening and removes the socket, unless another has taken its place.
func (l *Listener) Close() error {
	l.once.Do(l.end)
	return l.closed
}

func (l *Listener) end() {
	removeSocket(l.path, l.made)
	l.closed = l.UnixListener.Close()
}

// removeSocket removes a socket if it is the one that was looked at before.
func removeSocket(path string, before fs.FileInfo) error {
	there, err := os.Lstat(path)
	if err != nil || !os.SameFile(there, before) || !there.ModTime().Equal(before.ModTime()) {
		return err
	}
	return os.Remove(path)
}

// exists wraps an error about a name that is taken.
func exists(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, path)
	}
	return err
}

// beside is a name in the same directory that nobody else has, and no longer than need be.
func beside(path string) string {
	return filepath.Join(filepath.Dir(path), ".iapssh-"+rand.Text()[:12])
}
