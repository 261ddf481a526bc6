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
	Blocks bool // it is the file of blocks, and not the user's own

	mode fs.FileMode
	old  fs.FileInfo // of what is replaced; nil: nothing
}

// Install tells what has to change so that config, a user's ssh_config, includes a file of blocks with this text: nothing, if it is so
// already.
func Install(include Include, config, text string) ([]Change, error) {
	var changes []Change
	path, err := behindLinks(include.File)
	if err != nil {
		return nil, err
	}
	old, info, err := read(path)
	if err != nil {
		return nil, err
	}
	if old != text || info == nil || tooOpen(info.Mode()) {
		changes = append(changes, Change{Path: path, Text: text, Blocks: true, mode: 0o600, old: info})
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
	path, err := filepath.EvalSymlinks(include.File)
	if errors.Is(err, fs.ErrNotExist) {
		return changes, nil
	}
	if err != nil {
		return nil, err
	}
	_, info, err := read(path)
	if info != nil {
		changes = append(changes, Change{Path: path, Remove: true, Blocks: true})
		if link, err := os.Lstat(include.File); err == nil && link.Mode()&fs.ModeSymlink != 0 {
			changes = append(changes, Change{Path: include.File, Remove: true, Blocks: true})
		}
	}
	return changes, err
}

// behindLinks is the path of the file that is meant by one which may be a link, and need not be there.
func behindLinks(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if to, linkErr := os.Readlink(path); linkErr == nil {
			return "", fmt.Errorf("%s is a link to %s, which is not there", path, to)
		}
		return path, nil
	}
	return target, err
}

// edited is the change, if it is one, of a file of the user's.
func edited(path string, edit func(string) string) ([]Change, error) {
	target, err := behindLinks(path)
	if err != nil {
		return nil, err
	}
	old, info, err := read(target)
	text := edit(old)
	if err != nil || text == old {
		return nil, err
	}
	mode := fs.FileMode(0o600)
	if info != nil {
		mode = info.Mode().Perm()
	}
	return []Change{{Path: target, Text: text, mode: mode, old: info}}, nil
}

// maxConfig bounds what is read of a file.
const maxConfig = 64 << 20

// read gives a file's text, and what it is; one that is not there is empty, and nothing.
func read(path string) (text string, info fs.FileInfo, err error) {
	info, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfig {
		return "", nil, fmt.Errorf("%s is not a file that can be edited", path)
	}
	data, err := os.ReadFile(path)
	return string(data), info, err
}

func tooOpen(mode fs.FileMode) bool { return runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 }

// Apply makes the change: whoever reads the file meanwhile sees the old text or the new one. Its owner stays who that was; what root
// makes in somebody's directory is theirs, or else their ssh could not read it.
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
	owner := c.old
	if owner == nil && err == nil && os.Geteuid() == 0 {
		owner, err = os.Stat(dir)
	}
	if owner != nil && err == nil {
		err = giveToOwner(f, owner)
	}
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
