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

// An Origin is who answers for a line.
type Origin int

const (
	User   Origin = iota // one of the user's own files, which a connection may change
	Global               // one of the system's files
	Told                 // no file: KnownHostsCommand, or whoever else was asked
)

// A Line is one line of a file, taken apart but not judged. Lines that are
// blank, comments or broken have no Hosts.
type Line struct {
	Origin Origin
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
	Path   string // names the file in verdicts and messages
	Text   string
	Origin Origin
}

// Lines takes the file apart, line by line.
func (f File) Lines() iter.Seq[Line] { return f.linesWhere(always) }

func always(string) bool { return true }

// linesWhere takes apart only the lines whose text is wanted: in a long file,
// few are.
func (f File) linesWhere(wanted func(raw string) bool) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		number := 0
		for raw := range strings.Lines(f.Text) {
			number++
			if !wanted(raw) {
				continue
			}
			l := parseLine(raw)
			l.Origin, l.File, l.Number = f.Origin, f.Path, number
			if !yield(l) {
				return
			}
		}
	}
}

// cutHosts cuts a line behind its hosts. A blank line, a comment and a broken
// line have none.
func cutHosts(raw string) (marker Marker, hosts, rest string, err error) {
	text := strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
	text = trimBlanks(text)
	if text == "" || text[0] == '#' {
		return NoMarker, "", "", nil
	}
	if text[0] == '@' {
		var word string
		word, text = field(text)
		switch word {
		case "@cert-authority":
			marker = CertAuthority
		case "@revoked":
			marker = RevokedKey
		default:
			return NoMarker, "", "", ErrMarker
		}
		if strings.HasPrefix(text, "@") { // only one is allowed
			return marker, "", "", ErrMarker
		}
	}
	hosts, rest = field(text)
	if rest == "" || rest[0] == '#' {
		return marker, "", "", ErrTruncated
	}
	return marker, hosts, rest, nil
}

// parseLine follows hostfile.c hostkeys_foreach_file: [marker] hosts keytype
// base64 [comment], separated by spaces or tabs.
func parseLine(raw string) Line {
	l := Line{Raw: raw}
	hosts, text := "", ""
	if l.Marker, hosts, text, l.Err = cutHosts(raw); hosts == "" {
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
	end := len(s)
	if i := strings.IndexByte(s, ' '); i >= 0 {
		end = i
	}
	if i := strings.IndexByte(s[:end], '\t'); i >= 0 {
		end = i
	}
	return s[:end], trimBlanks(s[end:])
}

func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
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
