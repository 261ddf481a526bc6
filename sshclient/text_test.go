package sshclient

import "testing"

func TestVisible(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"plain\ttext\n", "plain\ttext\n"},
		{"héllo 世界", "héllo 世界"},
		{"line\r\nline\n", "line\nline\n"},
		{"over\rwritten", `over\015written`},
		{"\x1b]0;title\x07", `\033]0;title\007`},
		{"\u009b31m", `\302\23331m`},
		{"bad\xffbyte", `bad\377byte`},
		{"\u202edesrever", `\342\200\256desrever`},
		{"0123456789cut", "0123456789"},
	} {
		limit := 10
		if test.want != "0123456789" {
			limit = 100
		}
		if got := visible(test.in, limit); got != test.want {
			t.Errorf("visible(%q) = %q, want %q", test.in, got, test.want)
		}
	}
	if got := visibleLine("two\nlines", 100); got != `two\012lines` {
		t.Errorf("visibleLine = %q", got)
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("\x1b[2J")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range visible(text, 1<<10) {
			if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
				t.Errorf("visible(%q) keeps %U", text, r)
			}
		}
	})
}
