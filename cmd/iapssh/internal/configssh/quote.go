package configssh

import (
	"fmt"
	"strings"
)

// WordError says that a word, usually a path, cannot be written into ssh_config.
type WordError struct{ Word, Why string }

func (e *WordError) Error() string { return fmt.Sprintf("%q %s", e.Word, e.Why) }

// value writes a path as the argument of a keyword that expands tokens. Windows' ssh takes slashes as well, which need no escape.
// Versions of ssh before 8.7 knew no escape at all; they differ only where a path has quotes or backslashes in it.
func (f File) value(path string) (string, error) {
	switch {
	case strings.ContainsAny(path, "\n\r\x00"):
		return "", &WordError{Word: path, Why: "cannot stand in one line"}
	case strings.Contains(path, "${"):
		return "", &WordError{Word: path, Why: "cannot be written into ssh_config, which takes ${ for a variable"}
	}
	return quoted(f.slashed(strings.ReplaceAll(path, "%", "%%"))), nil
}

func (f File) slashed(path string) string {
	if f.Windows {
		return strings.ReplaceAll(path, `\`, "/")
	}
	return path
}

// quoted writes a word of ssh_config.
func quoted(word string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// unquotable is the patterns of hosts whose names would end quote's quotes, or mean something to a shell between them: in %h they are
// whatever somebody has called a host. The last one is no pattern to versions of ssh before 8.7, which do not read on there.
func (f File) unquotable() string {
	if f.Windows {
		return `"!*$*" "!*` + "`" + `*" "!*\"*"`
	}
	return `"!*'*"`
}

// quote writes a word of a ProxyCommand, for the user's shell; on Windows for CreateProcess, and for the shells that other
// ports of ssh run: none of them minds a backslash before a letter.
func (f File) quote(word string) string {
	if f.Windows {
		return `"` + strings.ReplaceAll(word, `"`, `\"`) + `"`
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
