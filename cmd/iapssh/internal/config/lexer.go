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

// lexLimit bounds what the lexer is shown of a line. It needs the keyword only,
// and its time grows with the square of the length.
const lexLimit = 256

// maxLine bounds a line: patterns are matched in time that grows with the product
// of two of them.
const maxLine = 16 << 10

// lex cuts a file into directives. ssh_config finds the lines that say
// something and their keywords. It would give Host, Match and Include a meaning
// of its own, which is not OpenSSH's (it drops the conditions of Match), so
// every keyword wears a prefix when it sees it; and it cuts values at '#', so
// the text is taken from our copy of the line.
func lex(file string, data []byte) ([]directive, error) {
	lines := strings.Split(string(data), "\n")
	masked := make([]string, len(lines))
	for i, line := range lines {
		if len(line) > maxLine {
			return nil, &ConfigError{File: file, Line: i + 1, Text: fmt.Sprintf("%s line %d: line too long", file, i+1)}
		}
		lines[i] = trimLine(line)
		if lines[i] != "" && lines[i][0] != '#' {
			shown := lines[i][:min(len(lines[i]), lexLimit)]
			masked[i] = "-" + strings.ReplaceAll(shown, "\r", " ")
		}
	}
	parsed, err := ssh_config.DecodeBytes([]byte(strings.Join(masked, "\n")))
	if err != nil {
		return nil, &ConfigError{File: file, Text: fmt.Sprintf("%s: %v", file, err)}
	}
	var directives []directive
	for _, host := range parsed.Hosts {
		for _, node := range host.Nodes {
			kv, ok := node.(*ssh_config.KV)
			if !ok {
				continue
			}
			n := kv.Pos().Line
			directives = append(directives, cutDirective(lines[n-1], n, len(kv.Key)-1))
		}
	}
	return directives, nil
}

const blanks = " \t\r\n"

// trimLine cuts what OpenSSH overlooks: all from a NUL on, blanks at both ends, a
// form feed at the end, and one "=" before the keyword.
func trimLine(line string) string {
	line, _, _ = strings.Cut(line, "\x00")
	line = strings.TrimLeft(strings.TrimRight(line, blanks+"\f"), blanks)
	return strings.TrimLeft(strings.TrimPrefix(line, "="), blanks)
}

// cutDirective splits a trimmed line after its keyword: blanks, with at most
// one "=" among them, separate it from the text.
func cutDirective(line string, n, keywordLen int) directive {
	keyword, text := line[:min(keywordLen, len(line))], line[min(keywordLen, len(line)):]
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
