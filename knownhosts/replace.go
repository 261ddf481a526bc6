package knownhosts

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Replace makes keys the only ones that the file at path has for names (stored
// forms: see [Name]): lines about one of them with other keys go, and for each
// key lines are added for the names that none is about yet, formed as [Append]
// forms them. Lines with a marker, lines that cannot be understood and all that
// is not about the names stay byte for byte. A missing file stays missing.
//
// The file is replaced in one step and under Append's lock, so that nobody ever
// reads half of it and nothing is lost that was added meanwhile. It keeps its
// mode; as ssh does, the former one is kept beside it as path.old. If nothing
// changes, nothing is written.
func Replace(path string, names []string, keys []ssh.PublicKey, hash bool) error {
	// What a link leads to is replaced, not the link.
	path, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for range replaceTries {
		if done, err := tryReplace(path, names, keys, hash); done || err != nil {
			return err
		}
	}
	return &fs.PathError{Op: "replace", Path: path, Err: ErrLocked}
}

// replaceTries is how often it is tried again because somebody who knows no
// lock, as ssh, has changed the file meanwhile.
const replaceTries = 10

// tryReplace is not done if the file has changed under its hands.
func tryReplace(path string, names []string, keys []ssh.PublicKey, hash bool) (done bool, err error) {
	f, err := openLocked(path)
	if err != nil {
		return false, err
	}
	defer f.Close() // and unlock
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() { // such as /dev/null
		return true, err
	}
	before, err := readAll(f)
	if err != nil {
		return false, err
	}
	after, err := replaced(before, names, keys, hash)
	if err != nil || after == before {
		return true, err
	}
	temp, err := writeBeside(path, after, info.Mode().Perm())
	if err != nil {
		return false, err
	}
	if now, err := f.Stat(); err != nil || now.Size() != int64(len(before)) || !isAt(f, path) {
		os.Remove(temp)
		return false, err
	}
	return true, exchange(f, temp, path)
}

func readAll(f *os.File) (string, error) {
	var text strings.Builder
	n, err := io.Copy(&text, io.NewSectionReader(f, 0, MaxFileSize+1))
	if err == nil && n > MaxFileSize {
		err = &fs.PathError{Op: "read", Path: f.Name(), Err: ErrTooLarge}
	}
	return text.String(), err
}

// replaced is what [Replace] makes of the text of a file.
func replaced(text string, names []string, keys []ssh.PublicKey, hash bool) (string, error) {
	var b bytes.Buffer
	known := make([][]string, len(keys)) // for each key, the names that a line is about
	about := namesIn(names)
	for l := range (File{Text: text}).Lines() {
		found := about(l.Hosts)
		if len(found) == 0 || l.Marker != NoMarker {
			b.WriteString(l.Raw)
			continue
		}
		key, err := l.ParseKey()
		i := slices.IndexFunc(keys, func(k ssh.PublicKey) bool { return err == nil && equal(k, key) })
		if err != nil || i >= 0 {
			b.WriteString(l.Raw)
		}
		if i >= 0 {
			known[i] = append(known[i], found...)
		}
	}
	for i, key := range keys {
		missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(known[i], name) })
		if len(missing) == 0 {
			continue
		}
		if err := checkNames(missing); err != nil {
			return "", err
		}
		if n := b.Len(); n > 0 && b.Bytes()[n-1] != '\n' {
			b.WriteByte('\n')
		}
		b.Write(format(missing, key, hash))
	}
	return b.String(), nil
}

// namesIn returns a function that tells which of the names hosts match.
func namesIn(names []string) func(hosts string) []string {
	matchers := make([]func(string) bool, len(names))
	for i, name := range names {
		matchers[i] = matcher(name)
	}
	return func(hosts string) (found []string) {
		for i, matches := range matchers {
			if matches(hosts) {
				found = append(found, names[i])
			}
		}
		return found
	}
}

// writeBeside writes a new file into the directory of path.
func writeBeside(path, text string, mode fs.FileMode) (temp string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(f, text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// exchange puts temp in the place of f, which is at path, and keeps f beside it.
func exchange(f *os.File, temp, path string) error {
	old := path + ".old"
	err := os.Remove(old)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Link(path, old)
	}
	if err == nil {
		err = renameOver(f, temp, path)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}
