package session

import (
	"fmt"
	"strings"
)

// An escape is what follows the escape character at the beginning of a line.
type escape byte

// The escapes that do something; see ssh(1), ESCAPE CHARACTERS. escStats is ours.
const (
	escNone       escape = 0
	escDisconnect escape = '.'
	escSuspend    escape = 'Z' - 64 // Ctrl-Z
	escBackground escape = '&'
	escHelp       escape = '?'
	escList       escape = '#'
	escBreak      escape = 'B'
	escCommand    escape = 'C'
	escRekey      escape = 'R'
	escQuieter    escape = 'V'
	escLouder     escape = 'v'
	escStats      escape = 's'
)

// escapes finds the escapes in what is typed. The zero value with char set is at
// the beginning of a line.
type escapes struct {
	char    byte
	inLine  bool // the last byte was no line end
	pending bool // the last byte was the escape character at the beginning of a line
}

// next looks at the input up to the first escape. It returns what is to be sent, the
// escape if there is one, and the input after it.
//
// As in ssh (clientloop.c process_escapes), the escape character twice sends it once,
// one before any other byte is sent with it, and after an escape the line is
// still at its beginning.
func (e *escapes) next(in []byte) (send []byte, do escape, rest []byte) {
	for i, b := range in {
		switch {
		case e.pending:
			e.pending = false
			if isEscape(escape(b)) {
				return send, escape(b), in[i+1:]
			}
			if b != e.char {
				send = append(send, e.char)
			}
		case !e.inLine && b == e.char:
			e.pending = true
			continue
		}
		e.inLine = b != '\r' && b != '\n'
		send = append(send, b)
	}
	return send, escNone, nil
}

func isEscape(b escape) bool {
	switch b {
	case escDisconnect, escSuspend, escBackground, escHelp, escList, escBreak, escCommand, escRekey, escQuieter, escLouder, escStats:
		return true
	}
	return false
}

// String is the escape as ssh shows it.
func (b escape) String() string {
	if b < ' ' {
		return "^" + string(rune(b+64))
	}
	return string(rune(b))
}

// escapeHelp is the answer to ~?, in ssh's words where ssh has the escape.
func escapeHelp(char byte) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%c?\nSupported escape sequences:\n", char)
	for _, line := range []struct{ keys, text string }{
		{".", "terminate connection (and any multiplexed sessions)"},
		{"B", "send a BREAK to the remote system"},
		{"C", "open a command line"},
		{"R", "request rekey"},
		{"V/v", "decrease/increase verbosity (LogLevel)"},
		{"^Z", "suspend ssh"},
		{"#", "list forwarded connections"},
		{"&", "background ssh (when waiting for connections to terminate)"},
		{"s", "show how the connection does"},
		{"?", "this message"},
	} {
		fmt.Fprintf(&s, " %c%-3s - %s\n", char, line.keys, line.text)
	}
	fmt.Fprintf(&s, " %c%c   - send the escape character by typing it twice\n(Note that escapes are only recognized immediately after newline.)\n", char, char)
	return s.String()
}
