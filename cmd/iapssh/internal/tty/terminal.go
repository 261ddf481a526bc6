// Package tty is the local terminal: raw mode and back, size, modes, questions,
// and reading standard input in a way that can be stopped. It is the only
// package that imports golang.org/x/term. What each file needs of a system is in
// files of the same name with the system's.
//
//   - terminal.go: [Terminal], its modes of operation and the way back from them
//   - modes.go: its settings in the form that SSH sends them
//   - size.go: its size, and the news of a changed one
//   - prompt.go: questions asked on it, with or without echo; askjob.go: job control there
//   - cygwin.go: terminals that are none for us
//   - reader.go: [Reader], for a standard input that is shared with others
//   - asked_*.go: who asks from outside how it goes; wait_*.go: whether there is
//     something to read
//
// # The way back
//
// Whoever changes a terminal must restore it on every way out. [Terminal.Restore]
// may be called at any time, any number of times, from any goroutine; so main
// calls it deferred, which covers panics, and from its signal handler. Keyboard
// signals stay on while a question is asked: their handler must cancel the
// question's context, and call Restore if it exits.
//
// # Shared descriptors
//
// Standard input is shared with the shell and with whatever runs beside us. It is
// read only when there is something to read, and O_NONBLOCK, which all sharers would
// see, is never set on it.
package tty

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/term"
)

// IsTerminal says whether the file is a terminal, on Windows a console.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// ErrNoTerminal says that there is no terminal to ask on.
var ErrNoTerminal = errors.New("no terminal")

// Terminal is a terminal that is read through one file and written through another.
type Terminal struct {
	in, out *os.File
	owned   bool // the files were opened by Open

	mu      sync.Mutex
	changed bool        // guarded by mu; the terminal is not as we found it
	before  *term.State // guarded by mu; how we found its input, set while changed
	undoOut func()      // guarded by mu; restores its output, nil if that needs nothing
}

// New returns the terminal behind two open files, such as os.Stdin and os.Stdout.
func New(in, out *os.File) *Terminal { return &Terminal{in: in, out: out} }

// Open opens the terminal that controls this process, wherever its standard files
// lead. The error wraps ErrNoTerminal.
func Open() (*Terminal, error) {
	in, out, err := openControlling()
	if err != nil {
		return nil, errors.Join(ErrNoTerminal, err)
	}
	return &Terminal{in: in, out: out, owned: true}, nil
}

// Close restores the terminal, and closes the files if Open opened them.
func (t *Terminal) Close() error {
	err := t.Restore()
	if t.owned {
		t.in.Close()
		if t.out != t.in {
			t.out.Close()
		}
	}
	return err
}

// MakeRaw switches line editing, echo, signal keys and all translation off, until
// Restore. On Windows it also switches terminal sequences on, both ways.
func (t *Terminal) MakeRaw() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return err
	}
	if !t.changed {
		t.changed, t.before = true, before
		t.undoOut = prepareOutput(t.out)
	}
	return nil
}

// Restore puts the terminal back to how it was before the first change.
func (t *Terminal) Restore() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.restore()
}

// restore is Restore with mu held.
func (t *Terminal) restore() error {
	if !t.changed {
		return nil
	}
	t.changed = false
	if t.undoOut != nil {
		t.undoOut()
	}
	return term.Restore(int(t.in.Fd()), t.before)
}
