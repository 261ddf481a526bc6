package config

import (
	"errors"
	"regexp"
	"strings"
)

var (
	errShell      = errors.New("it needs a shell")
	errShellQuote = errors.New("its quotes do not end")
)

// silence is what follows a command whose messages nobody wants.
var silence = regexp.MustCompile(`\s+2>\s*(/dev/null|NUL|nul)\s*$`)

// shellWords splits a command as a shell would, as long as it is a single command
// that a shell adds nothing to: no expansion, no pipe, no redirection but of
// stderr to nowhere at the end. Where the command is a Windows path, backslashes
// separate its parts.
func shellWords(line, goos string) ([]string, error) {
	line = silence.ReplaceAllString(strings.ReplaceAll(line, "\\\n", " "), "")
	line = strings.TrimSuffix(strings.TrimSpace(line), " \\")
	special := "|&;<>()$`*?{}!#~\n"
	windows := goos == "windows" || isDrivePath(strings.TrimLeft(line, `"'`))
	if windows {
		special = "|&<>^\n"
	}
	var words []string
	var word strings.Builder
	open := false // a word has begun
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == ' ' || c == '\t':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
			continue
		case c == '\'' || c == '"':
			text, n, err := quoted(line[i:], windows)
			if err != nil {
				return nil, err
			}
			word.WriteString(text)
			i += n - 1
		case c == '\\' && !windows:
			if i++; i == len(line) {
				return nil, errShell
			}
			word.WriteByte(line[i])
		case c == '~' && !open && strings.HasPrefix(line[i+1:], "/"):
			word.WriteByte(c) // a path; nobody here follows it
		case strings.IndexByte(special, c) >= 0:
			return nil, errShell
		default:
			word.WriteByte(c)
		}
		open = true
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// quoted takes a quoted part from the start of s, and tells how long it was.
func quoted(s string, windows bool) (text string, n int, err error) {
	end := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == end:
			return b.String(), i + 1, nil
		case end == '"' && !windows && (c == '$' || c == '`'):
			return "", 0, errShell
		case end == '"' && c == '\\' && !windows && i+1 < len(s) && strings.IndexByte("$`\"\\", s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, errShellQuote
}
