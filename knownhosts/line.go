package knownhosts

import (
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A Marker is the optional first word of a line.
type Marker int

const (
	NoMarker      Marker = iota
	CertAuthority        // @cert-authority: the key signs host certificates
	RevokedKey           // @revoked: the key must never be accepted
)

// What may be wrong with a line. They are wrapped: use errors.Is.
var (
	ErrMarker    = errors.New("invalid marker")
	ErrTruncated = errors.New("truncated line")
	ErrHash      = errors.New("malformed hashed host name")
	ErrKey       = errors.New("unusable key")
)

// A Line is one line of a file, taken apart but not judged. Lines that are
// blank, comments or broken have no Hosts.
type Line struct {
	File   string // as given to [Read]
	Number int    // from 1
	// Raw is the line as it was read, with its line ending; the Raw of all
	// lines make up the file again.
	Raw string

	Marker  Marker
	Hosts   string // "|1|salt|hash", or patterns with commas between
	KeyType string // as written: not yet compared with the key
	KeyText string // base64
	Comment string

	// Err is why the line cannot be used; nil for blank lines and comments.
	// The key is decoded only when it is needed: see [Line.ParseKey].
	Err error
}

// Place returns "file:line", as OpenSSH names a line.
func (l Line) Place() string { return fmt.Sprintf("%s:%d", l.File, l.Number) }

// A File is the text of one known_hosts file.
type File struct {
	Path string // names the file in verdicts and messages
	Text string
}

// Lines takes the file apart, line by line.
func (f File) Lines() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		number := 0
		for raw := range strings.Lines(f.Text) {
			number++
			if !yield(parseLine(f.Path, number, raw)) {
				return
			}
		}
	}
}

// parseLine follows hostfile.c hostkeys_foreach_file: [marker] hosts keytype
// base64 [comment], separated by spaces or tabs.
func parseLine(path string, number int, raw string) Line {
	l := Line{File: path, Number: number, Raw: raw}
	text := strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
	text = strings.TrimLeft(text, " \t")
	if text == "" || text[0] == '#' {
		return l
	}
	if text[0] == '@' {
		var word string
		word, text = field(text)
		switch word {
		case "@cert-authority":
			l.Marker = CertAuthority
		case "@revoked":
			l.Marker = RevokedKey
		default:
			l.Err = ErrMarker
			return l
		}
		if strings.HasPrefix(text, "@") { // only one is allowed
			l.Err = ErrMarker
			return l
		}
	}
	hosts, text := field(text)
	if text == "" || text[0] == '#' {
		l.Err = ErrTruncated
		return l
	}
	l.KeyType, text = field(text)
	l.KeyText, l.Comment = field(text)
	if l.KeyText == "" {
		l.Err = ErrTruncated
		return l
	}
	l.Hosts = hosts
	return l
}

// field splits off the first word, and the space behind it.
func field(s string) (word, rest string) {
	for i := range len(s) {
		if s[i] == ' ' || s[i] == '\t' {
			return s[:i], strings.TrimLeft(s[i:], " \t")
		}
	}
	return s, ""
}

// ParseKey decodes the key. It returns an error that wraps [ErrKey] if the
// base64 is damaged, the type is one that this program does not know, or it is
// not the type that the line announces.
func (l Line) ParseKey() (ssh.PublicKey, error) {
	blob, err := base64.StdEncoding.Strict().DecodeString(l.KeyText)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if key.Type() != keyFormat(l.KeyType) {
		return nil, fmt.Errorf("%w: called %q but is %q", ErrKey, l.KeyType, key.Type())
	}
	return key, nil
}
