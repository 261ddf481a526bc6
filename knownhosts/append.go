package knownhosts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts/filelock"
)

// Errors of [Append].
var (
	// ErrName is wrapped in the error for a name that would be read back as
	// something else.
	ErrName = errors.New("cannot be stored as a host name")
	// ErrLocked says that another program held the file's lock for too long.
	ErrLocked = errors.New("is locked by another program")
)

const (
	lockPatience = 5 * time.Second
	lockRetry    = 10 * time.Millisecond
)

// Append stores key for names (stored forms: see [Name]) at the end of the file
// at path: as one line, or, if hash is set, as one line with a hashed name for
// each. What is in the file stays as it is, except that a last line without
// line ending gets one.
//
// The lines are written in one piece and under a lock, so processes that learn
// at the same time lose nothing, ssh included; and of several that learn the same,
// one stores it. A missing file is created with
// mode 0600, and its directory, if missing, with 0700; modes of existing ones
// are kept.
//
// An error means that nothing is known to be stored. It names the file; it is
// no reason to end the connection, see [Verdict.NotAdded]. For a file that may
// not be written it is an fs.ErrPermission (or of the system's read-only kind),
// for a directory in its place [ErrIsDirectory].
func Append(path string, names []string, key ssh.PublicKey, hash bool) error {
	if err := checkNames(names); err != nil {
		return err
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := openLocked(path)
	if err != nil {
		return err
	}
	defer f.Close() // and unlock
	text := format(unstored(f, names, key), key, hash)
	if len(text) == 0 {
		return nil
	}
	if open, err := endsOpen(f); err != nil {
		return err
	} else if open {
		text = append([]byte("\n"), text...)
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Close()
}

// unstored returns the names that no line of the file gives the key yet. A file that cannot be read, or not whole, has none.
func unstored(f *os.File, names []string, key ssh.PublicKey) []string {
	text, err := readAll(f)
	if err != nil {
		return names
	}
	file := []File{{Path: f.Name(), Text: text}}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		entries, _ := lookup(file, name)
		return slices.ContainsFunc(entries, func(e Entry) bool { return e.Marker == NoMarker && e.KeyText == keyText(key) })
	})
}

// format returns the lines for names, which are storable.
func format(names []string, key ssh.PublicKey, hash bool) []byte {
	if len(names) == 0 {
		return nil
	}
	lines := []string{lower(strings.Join(names, ","))}
	if hash {
		lines = nil
		for _, name := range names {
			lines = append(lines, HashName(name))
		}
	}
	var b bytes.Buffer
	for _, hosts := range lines {
		fmt.Fprintf(&b, "%s %s %s\n", hosts, key.Type(), keyText(key))
	}
	return b.Bytes()
}

// checkNames wants all names storable.
func checkNames(names []string) error {
	for _, name := range names {
		if !storable(name) {
			return fmt.Errorf("%q %w", name, ErrName)
		}
	}
	return nil
}

// storable tells whether name is one that a line can hold and Matches finds
// again: "host" or "[host]:port".
func storable(name string) bool {
	if len(name) >= maxPattern {
		return false
	}
	if host, port, ok := strings.Cut(strings.TrimPrefix(name, "["), "]:"); ok && name[0] == '[' {
		name = host
		if port == "" || strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("@?*!#[]|,'\"\\", r)
	})
}

// makeDir makes the directory if it is missing, but not what is above it.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil // opening the file will tell, if anything is wrong with it
	}
	if err := os.Mkdir(dir, 0o700); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// openLocked opens the file for appending and locks it. A file that was
// replaced while we waited for its lock, as ssh-keygen -R does, is opened anew.
func openLocked(path string) (*os.File, error) {
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(lockRetry) {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
				err = &fs.PathError{Op: "append to", Path: path, Err: ErrIsDirectory}
			}
			return nil, err
		}
		locked, err := filelock.Try(f)
		if err == nil && locked && isAt(f, path) {
			return f, nil
		}
		f.Close()
		if err == nil && time.Now().After(deadline) {
			err = ErrLocked
		}
		if err != nil {
			return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
		}
	}
}

// isAt tells whether f is still the file at path.
func isAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(opened, named)
}

// endsOpen tells whether the last line of f has no line ending.
func endsOpen(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil && err != io.EOF {
		return false, err
	}
	return last[0] != '\n', nil
}
