package session

import (
	"strings"
	"testing"
)

// feed runs the machine over pieces of input, and returns what it sends, with the
// escapes in angle brackets.
func feed(e *escapes, pieces ...string) string {
	var got strings.Builder
	for _, piece := range pieces {
		for in := []byte(piece); len(in) > 0; {
			send, do, rest := e.next(in)
			got.Write(send)
			if do != escNone {
				got.WriteString("<" + do.String() + ">")
			}
			in = rest
		}
	}
	return got.String()
}

func TestEscapes(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"ls\r", "ls\r"},
		{"~.", "<.>"},
		{"x~.", "x~."},
		{"x\r~.", "x\r<.>"},
		{"x\n~.", "x\n<.>"},
		{"~~.", "~."},
		{"~~~", "~~"},
		{"~~\r~.", "~\r<.>"},
		{"~x", "~x"},
		{"~x~.", "~x~."},
		{"~\r~.", "~\r<.>"},
		{"~", ""},
		{"~?~.", "<?><.>"},
		{"~?x~.", "<?>x~."},
		{"~\x1als\r", "<^Z>ls\r"},
		{"~#~&~?~B~C~R~V~v~s", "<#><&><?><B><C><R><V><v><s>"},
		{"~S~b", "~S~b"},
		{"~\x1a~.", "<^Z><.>"},
		{"\r\r~~x", "\r\r~x"},
		{"~/bin\r", "~/bin\r"},
		{"\xff~.\r\xff", "\xff~.\r\xff"},
	} {
		if got := feed(&escapes{char: '~'}, test.in); got != test.want {
			t.Errorf("%q at once: %q, want %q", test.in, got, test.want)
		}
		if got := feed(&escapes{char: '~'}, strings.Split(test.in, "")...); len(test.in) < 80 && isASCII(test.in) && got != test.want {
			t.Errorf("%q byte by byte: %q, want %q", test.in, got, test.want)
		}
		other := strings.NewReplacer("~", "\x1e").Replace
		if got := feed(&escapes{char: 0x1e}, other(test.in)); got != other(test.want) {
			t.Errorf("%q with another character: %q, want %q", test.in, got, other(test.want))
		}
	}
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 }) }

func TestEscapeHelp(t *testing.T) {
	help := escapeHelp('%')
	for _, want := range []string{"%?\nSupported escape sequences:\n %.   - terminate connection", " %V/v - ", " %^Z  - suspend ssh\n", " %%   - send the escape character by typing it twice\n"} {
		if !strings.Contains(help, want) {
			t.Errorf("no %q in:\n%s", want, help)
		}
	}
}
