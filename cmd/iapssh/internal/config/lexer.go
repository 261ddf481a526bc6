package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// A directive is one line of a configuration file that says something.
type directive struct {
	keyword string // lower case
	text    string // the rest of the line, without the separating "=" and blanks
	line    int
}

// lexLimit bounds what the lexer is shown of a line, in bytes: its time grows with the square of the length.
const lexLimit = 256

// maxLine bounds a line: patterns are matched in time that grows with the product
// of two of them.
const maxLine = 16 << 10

// lex cuts a file into directives. ssh_config finds the lines that say
// something and their keywords. It would give Host, Match and Include a meaning
// of its own, which is not OpenSSH's (it drops the conditions of Match), so
// every keyword wears a prefix when it sees it; and it cuts values at '#', so
// the text is taken from our copy of the line.
//
// All Host blocks of a large fleet begin their lines with the same few keywords, so each head is shown once.
func lex(file string, data []byte) ([]directive, error) {
	lines := strings.Split(string(data), "\n")
	keywordLen := map[string]int{} // of each head; 0: it says nothing
	var heads []string
	for i, line := range lines {
		if len(line) > maxLine {
			return nil, &ConfigError{File: file, Line: i + 1, Text: fmt.Sprintf("%s line %d: line too long", file, i+1)}
		}
		lines[i] = trimLine(line)
		if _, known := keywordLen[head(lines[i])]; !known {
			keywordLen[head(lines[i])] = 0
			heads = append(heads, head(lines[i]))
		}
	}
	parsed, err := ssh_config.DecodeBytes([]byte(strings.Join(heads, "\n")))
	if err != nil {
		return nil, &ConfigError{File: file, Text: fmt.Sprintf("%s: %v", file, err)}
	}
	for _, host := range parsed.Hosts {
		for _, node := range host.Nodes {
			if kv, ok := node.(*ssh_config.KV); ok {
				keywordLen[heads[kv.Pos().Line-1]] = len(kv.Key) - 1
			}
		}
	}
	var directives []directive
	for i, line := range lines {
		if n := keywordLen[head(line)]; n > 0 {
			directives = append(directives, cutDirective(line, i+1, n))
		}
	}
	return directives, nil
}

// head is what the lexer is shown of a line: the prefix, the keyword, and what ends it.
func head(line string) string {
	if line == "" || line[0] == '#' {
		return ""
	}
	line = line[:min(len(line), lexLimit)]
	if end := strings.IndexAny(line, blanks+"="); end >= 0 {
		line = line[:end+1]
	}
	return "-" + strings.ReplaceAll(line, "\r", " ")
}

const blanks = " \t\r\n"

// trimLine cuts what OpenSSH overlooks: all from a NUL on, blanks at both ends, a
// form feed at the end, and one "=" before the keyword.
func trimLine(line string) string {
	line, _, _ = strings.Cut(line, "\x00")
	line = strings.TrimLeft(strings.TrimRight(line, blanks+"\f"), blanks)
	return strings.TrimLeft(strings.TrimPrefix(line, "="), blanks)
}

// cutDirective splits a trimmed line after its keyword, which may stand in double quotes: blanks, with at most
// one "=" among them, separate it from the text.
func cutDirective(line string, n, keywordLen int) directive {
	keyword, text := line[:min(keywordLen, len(line))], line[min(keywordLen, len(line)):]
	if quoted, ok := strings.CutPrefix(keyword, `"`); ok {
		keyword = strings.TrimSuffix(quoted, `"`)
	}
	text = strings.TrimLeft(text, blanks)
	if after, ok := strings.CutPrefix(text, "="); ok {
		text = strings.TrimLeft(after, blanks)
	}
	return directive{keyword: lower(keyword), text: text, line: n}
}

var errQuotes = errors.New("invalid quotes")

// splitArgs splits the text of a directive into arguments as OpenSSH does:
// single and double quotes anywhere in a word; a backslash before a quote, a
// backslash or (outside quotes) a space; "#" at the start of a word ends it all.
func splitArgs(text string) ([]string, error) { return split(text, true) }

// splitCommand splits a command that is run without a shell: as splitArgs, but
// "#" is nothing special.
func splitCommand(text string) ([]string, error) { return split(text, false) }

func split(text string, comments bool) ([]string, error) {
	var args []string
	for i := 0; i < len(text); {
		switch {
		case text[i] == ' ' || text[i] == '\t':
			i++
			continue
		case text[i] == '#' && comments:
			return args, nil
		}
		word, n, err := splitWord(text[i:])
		if err != nil {
			return nil, err
		}
		args = append(args, word)
		i += n
	}
	return args, nil
}

// splitWord takes one word from the start of text and tells how long it was.
func splitWord(text string) (word string, n int, err error) {
	var b strings.Builder
	var quote byte
	i := 0
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && escapable(text[i+1], quote):
			i++
			b.WriteByte(text[i])
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), i, nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", 0, errQuotes
	}
	return b.String(), i, nil
}

func escapable(c, quote byte) bool {
	return c == '"' || c == '\'' || c == '\\' || c == ' ' && quote == 0
}
