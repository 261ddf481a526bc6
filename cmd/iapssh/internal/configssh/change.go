package configssh

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A Change is a file that is to have another text, or to go.
type Change struct {
	Path   string // what is behind links, if there are any
	Text   string
	Remove bool

	mode fs.FileMode
}

// Install tells what has to change so that config, a user's ssh_config, includes a file of blocks with this text: nothing, if it is so
// already.
func Install(include Include, config, text string) ([]Change, error) {
	var changes []Change
	old, mode, err := read(include.File)
	if err != nil {
		return nil, err
	}
	if old != text || mode == 0 || tooOpen(mode) {
		changes = append(changes, Change{Path: include.File, Text: text, mode: 0o600})
	}
	edit, err := edited(config, include.AddTo)
	return append(changes, edit...), err
}

// Uninstall tells what has to change so that nothing of Install is left.
func Uninstall(include Include, config string) ([]Change, error) {
	changes, err := edited(config, include.RemoveFrom)
	if err != nil {
		return nil, err
	}
	_, mode, err := read(include.File)
	if mode != 0 {
		changes = append(changes, Change{Path: include.File, Remove: true})
	}
	return changes, err
}

// edited is the change, if it is one, of a file of the user's. A link to it stays.
func edited(path string, edit func(string) string) ([]Change, error) {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if to, linkErr := os.Readlink(path); linkErr == nil {
			return nil, fmt.Errorf("%s is a link to %s, which is not there", path, to)
		}
		target, err = path, nil
	}
	if err != nil {
		return nil, err
	}
	old, mode, err := read(target)
	text := edit(old)
	if err != nil || text == old {
		return nil, err
	}
	if mode == 0 {
		mode = 0o600
	}
	return []Change{{Path: target, Text: text, mode: mode.Perm()}}, nil
}

// maxConfig bounds what is read of a file.
const maxConfig = 64 << 20

// read gives a file's text and mode; one that is not there is empty, and has no mode.
func read(path string) (text string, mode fs.FileMode, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfig {
		return "", 0, fmt.Errorf("%s is not a file that can be edited", path)
	}
	data, err := os.ReadFile(path)
	return string(data), info.Mode(), err
}

func tooOpen(mode fs.FileMode) bool { return runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 }

// Apply makes the change: whoever reads the file meanwhile sees the old text or the new one.
func (c Change) Apply() error {
	if c.Remove {
		return os.Remove(c.Path)
	}
	dir := filepath.Dir(c.Path)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) { // not what is above it
		return err
	}
	f, err := os.CreateTemp(dir, ".iapssh-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(c.Text)
	if err == nil {
		err = f.Chmod(c.mode)
	}
	if err == nil {
		err = f.Sync() // a crash must not leave the user without a configuration
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), c.Path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
