package knownhosts_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
)

func TestAnswer(t *testing.T) {
	q := knownhosts.Verdict{Query: knownhosts.Query{Key: key(t, "ed25519")}}.Question()
	fingerprint := ssh.FingerprintSHA256(key(t, "ed25519"))
	for line, want := range map[string]knownhosts.Answer{
		"yes\n": knownhosts.Yes, " YES \r\n": knownhosts.Yes, "yes please": knownhosts.Yes, fingerprint: knownhosts.Yes, "\t" + fingerprint + " \n": knownhosts.Yes,
		"no\n": knownhosts.No, "No": knownhosts.No, "": knownhosts.No, "\n": knownhosts.No,
		"y": knownhosts.Again, "yess": knownhosts.Again, strings.ToLower(fingerprint): knownhosts.Again, fingerprint[7:]: knownhosts.Again,
		ssh.FingerprintSHA256(key(t, "rsa")): knownhosts.Again,
	} {
		if got := q.Answer(line); got != want {
			t.Errorf("%q: got %v, want %v", line, got, want)
		}
	}
}

func TestQuestion(t *testing.T) {
	var text strings.Builder
	for i := range 11 {
		fmt.Fprintf(&text, "host%d\x1b[2J {ed25519}\n", i)
	}
	s := store(t, knownhosts.HashName("db")+" {ed25519}\n"+text.String())
	s.Files[0].Path = "/home/me/.ssh/kh"
	target := knownhosts.Target{Host: "Web", Port: 2222, Address: "10.0.0.1"}
	ask := func(home string) string {
		show := knownhosts.Display{Home: home}
		return s.Decide(knownhosts.Query{Target: target, Key: key(t, "ed25519"), Now: now, Show: show}).Question().Text
	}
	got := ask("/home/me")
	want := "The authenticity of host '[web]:2222 ([10.0.0.1]:2222)' can't be established.\n" +
		"ED25519 key fingerprint is " + ssh.FingerprintSHA256(key(t, "ed25519")) + ".\n" +
		"This host key is known by the following other names/addresses:\n" +
		"    ~/.ssh/kh:1: [hashed name]\n"
	for i := range 7 {
		want += fmt.Sprintf("    ~/.ssh/kh:%d: host%d\\033[2J\n", i+2, i)
	}
	want += "    (4 additional names omitted)\nAre you sure you want to continue connecting (yes/no/[fingerprint])? "
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if q := ask("/home/m"); !strings.Contains(q, "\n    /home/me/.ssh/kh:1:") {
		t.Errorf("the start of another directory is taken for home:\n%s", q)
	}
}

func TestWarningIsHarmlessOnATerminal(t *testing.T) {
	s := store(t, "* {rsa}\n")
	s.Files[0].Path = "kh\x1b]0;\u202e\n\xff"
	v := s.Decide(knownhosts.Query{Target: knownhosts.Target{Host: "web\u009b\r"}, Key: key(t, "ed25519"), Now: now})
	got := v.Warning(knownhosts.Ask, s.Files[0].Path) + v.Added() + v.NotAdded(s.Files[0].Path)
	if !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\u202e\u009b\r") || !strings.Contains(got, `Offending RSA key in kh\033]0;\342\200\256\012\377:1`) {
		t.Errorf("%q", got)
	}
}
