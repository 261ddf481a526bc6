package knownhosts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

// MaxFileSize is the size above which [Read] does not take a file.
const MaxFileSize = 64 << 20

// Errors of [Read] and [Append], wrapped in an *fs.PathError that names the file.
var (
	ErrIsDirectory = errors.New("is a directory, not a known_hosts file")
	ErrTooLarge    = fmt.Errorf("is larger than %d MiB", MaxFileSize>>20)
)

// A Warning is about something that was left out of account.
type Warning struct {
	File string
	Line int // 0 if it is about the file as a whole
	Err  error
}

func (w Warning) Error() string {
	if w.Line == 0 {
		return fmt.Sprintf("%s: %v", w.File, w.Err)
	}
	return fmt.Sprintf("%s:%d: %v", w.File, w.Line, w.Err)
}

func (w Warning) Unwrap() error { return w.Err }

// A Store is what a list of files says. It is not changed after it was made,
// so it may be used concurrently.
type Store struct {
	Files []File
	// Unread has the files that exist but could not be read.
	Unread []Warning
}

// Read reads the user's files and the system's, in this order. A missing file is
// an empty one; one that cannot be read, or is larger than [MaxFileSize], is
// left out and named in Unread, as OpenSSH goes on by what it knows. A directory
// in place of a file is an error ([ErrIsDirectory]).
func Read(user, global []string) (*Store, error) {
	s := &Store{}
	if err := s.read(User, user); err != nil {
		return nil, err
	}
	if err := s.read(Global, global); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) read(origin Origin, paths []string) error {
	for _, path := range paths {
		text, err := readFile(path)
		switch {
		case err == nil:
			s.Files = append(s.Files, File{Path: path, Text: text, Origin: origin})
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, ErrIsDirectory):
			return err
		default:
			s.Unread = append(s.Unread, Warning{File: path, Err: cause(err)})
		}
	}
	return nil
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", &fs.PathError{Op: "read", Path: path, Err: ErrIsDirectory}
	}
	// It may be a pipe, whose size nobody knows before.
	var text strings.Builder
	n, err := io.Copy(&text, io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return "", err
	}
	if n > MaxFileSize {
		return "", &fs.PathError{Op: "read", Path: path, Err: ErrTooLarge}
	}
	return text.String(), nil
}

// cause strips the path, which a Warning has already.
func cause(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// An Entry is a usable line with its key.
type Entry struct {
	Line
	Key ssh.PublicKey
}

// Lookup returns the entries about name (see [Name]), whatever their marker,
// in the order of the files. Lines about name that cannot be used are skipped.
func (s *Store) Lookup(name string) (entries []Entry, skipped []Warning) {
	return lookup(s.Files, name)
}

// lookup returns the usable lines about any of the names.
func lookup(files []File, names ...string) (entries []Entry, skipped []Warning) {
	matches := matcher(names...)
	about := func(raw string) bool {
		_, hosts, _, _ := cutHosts(raw)
		return matches(hosts)
	}
	for _, f := range files {
		for l := range f.linesWhere(about) {
			key, err := l.ParseKey()
			if err != nil {
				skipped = append(skipped, Warning{l.File, l.Number, err})
				continue
			}
			entries = append(entries, Entry{l, key})
		}
	}
	return entries, skipped
}

// elsewhere returns the usable lines that hold key but are about none of the names.
func elsewhere(files []File, key ssh.PublicKey, names ...string) []Entry {
	text, matches := keyText(key), matcher(names...)
	has := func(raw string) bool { return strings.Contains(raw, text) }
	var entries []Entry
	for _, f := range files {
		for l := range f.linesWhere(has) {
			if l.KeyText == text && l.problem() == nil && !matches(l.Hosts) {
				entries = append(entries, Entry{l, key})
			}
		}
	}
	return entries
}

// maxProblems bounds what [Store.Problems] returns.
const maxProblems = 1000

// Problems reads every line and returns those that can never be used, at most
// 1000 of them. It decodes every key, so it is for a user who asks.
func (s *Store) Problems() []Warning {
	problems := append([]Warning(nil), s.Unread...)
	for _, f := range s.Files {
		for l := range f.Lines() {
			if len(problems) >= maxProblems {
				return problems
			}
			if err := l.problem(); err != nil {
				problems = append(problems, Warning{l.File, l.Number, err})
			}
		}
	}
	return problems
}

func (l Line) problem() error {
	if l.Err != nil || l.Hosts == "" {
		return l.Err
	}
	if _, _, ok := cutHash(l.Hosts); l.Hosts[0] == '|' && !ok {
		return ErrHash
	}
	_, err := l.ParseKey()
	return err
}
