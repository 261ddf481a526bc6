package sshclient

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible makes text that came over the network safe for a terminal. Newline
// and tab stay, a carriage return before a newline goes, and every other control
// character or invalid byte is shown as a backslash and its octal value, as
// OpenSSH shows it. Text past limit bytes is cut.
func visible(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var out strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == '\n' || r == '\t':
			out.WriteRune(r)
		case r == utf8.RuneError && size == 1, unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			for _, b := range []byte(text[:size]) {
				out.WriteString(octal(b))
			}
		default:
			out.WriteRune(r)
		}
		text = text[size:]
	}
	return out.String()
}

// visibleLine is visible for text that must stay on one line.
func visibleLine(text string, limit int) string {
	return strings.ReplaceAll(visible(text, limit), "\n", `\012`)
}

func octal(b byte) string {
	s := strconv.FormatUint(uint64(b), 8)
	return `\` + strings.Repeat("0", 3-len(s)) + s
}
