package knownhosts_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/knownhosts"
)

func TestName(t *testing.T) {
	for _, c := range []struct {
		host string
		port int
		want string
	}{
		{"Web.Example", 22, "web.example"},
		{"web", 0, "web"},
		{"web", 2222, "[web]:2222"},
		{"2001:DB8::1", 22, "2001:db8::1"},
		{"fe80::1%Eth0", 2222, "[fe80::1%eth0]:2222"},
		{"WÄB\xff", 22, "wÄb\xff"},
	} {
		if got := knownhosts.Name(c.host, c.port); got != c.want {
			t.Errorf("Name(%q, %d) = %q, want %q", c.host, c.port, got, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	long := strings.Repeat("*", 1022)
	for _, c := range []struct {
		hosts, name string
		want        bool
	}{
		{"web", "web", true},
		{"WEB", "web", true},
		{"web", "Web", true},
		{"web", "webs", false},
		{"web", "[web]:2222", false},
		{"[web]:2222", "[web]:2222", true},
		{"[web]:*", "[web]:2222", true},
		{"*", "[web]:2222", true},
		{"db,web", "web", true},
		{"db,,web", "web", true},
		{"w?b", "wb", false},
		{"w*b", "wb", true},
		{"*.*.example", "a.b.c.example", true},
		{"*a*b", "xaxbxa", false},
		{"*,!web", "web", false},
		{"!web,*", "web", false},
		{"!web", "db", false},
		{"!!web,*", "web", true},
		{long, "web", true},
		{long + "*", "web", false},          // as OpenSSH takes no such pattern
		{"web," + long + "*", "web", false}, // nor the list
		{knownhosts.HashName("Web"), "wEb", true},
		{knownhosts.HashName("web"), "[web]:2222", false},
		{knownhosts.HashName("*"), "web", false},
		{"|1|AAAA|AAAA", "web", false},
		{"|", "|", false},
	} {
		if got := (knownhosts.Line{Hosts: c.hosts}).Matches(c.name); got != c.want {
			t.Errorf("%.40q matches %q: %v, want %v", c.hosts, c.name, got, c.want)
		}
	}
}

// Patterns that make a backtracking matcher take for ever.
func TestMatchesInTime(t *testing.T) {
	pattern := strings.Repeat("*a", 500)
	if (knownhosts.Line{Hosts: pattern}).Matches(strings.Repeat("a", 10000) + "b") {
		t.Error("matches")
	}
}

func TestLines(t *testing.T) {
	text := fill(t, "# comment\n\nweb {ed25519} me here\r\n\t@revoked  *  {rsa}\n@cert-authority\t*.example {ca}#\n"+
		"@revokd a {rsa}\n@revoked @revoked a {rsa}\nweb\nweb \nweb ssh-rsa\nweb #x\nweb future AAAA= c\nweb rsa-sha2-512 "+
		strings.Fields(keyLine(t, "rsa"))[1])
	type result struct {
		marker  knownhosts.Marker
		hosts   string
		comment string
		err     error // of the line
		keyErr  error
	}
	want := []result{
		{}, {},
		{hosts: "web", comment: "me here"},
		{marker: knownhosts.RevokedKey, hosts: "*"},
		{marker: knownhosts.CertAuthority, hosts: "*.example", keyErr: knownhosts.ErrKey},
		{err: knownhosts.ErrMarker},
		{err: knownhosts.ErrMarker, marker: knownhosts.RevokedKey},
		{err: knownhosts.ErrTruncated}, {err: knownhosts.ErrTruncated}, {err: knownhosts.ErrTruncated}, {err: knownhosts.ErrTruncated},
		{hosts: "web", comment: "c", keyErr: knownhosts.ErrKey},
		{hosts: "web"},
	}
	number := 0
	for l := range (knownhosts.File{Path: "kh", Text: text}).Lines() {
		w := want[number]
		number++
		if l.Number != number || l.Marker != w.marker || l.Hosts != w.hosts || l.Comment != w.comment || !errors.Is(l.Err, w.err) {
			t.Errorf("line %d: got %+v, want %+v", number, l, w)
		}
		if l.Hosts == "" {
			continue
		}
		if _, err := l.ParseKey(); !errors.Is(err, w.keyErr) {
			t.Errorf("line %d: key error %v, want %v", number, err, w.keyErr)
		}
	}
	if number != len(want) {
		t.Errorf("%d lines, want %d", number, len(want))
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	a, b, big := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "big")
	write(t, a, fill(t, "web {ed25519}\n"+strings.Repeat("x", 1<<20)+" {rsa}"))
	write(t, b, fill(t, "web {future}\nweb {rsa}\n"))
	write(t, big, "")
	if err := os.Truncate(big, knownhosts.MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	s, err := knownhosts.Read([]string{a, filepath.Join(dir, "missing"), big}, []string{b})
	if err != nil {
		t.Fatal(err)
	}
	entries, skipped := s.Lookup("web")
	if len(entries) != 2 || entries[0].Place() != a+":1" || entries[1].Place() != b+":2" {
		t.Errorf("entries %v", entries)
	}
	if got := fmt.Sprint(skipped); len(skipped) != 0 && !strings.Contains(got, b+":1: ") {
		t.Errorf("skipped %v", got)
	}
	if len(s.Unread) != 1 || s.Unread[0].File != big || !errors.Is(s.Unread[0], knownhosts.ErrTooLarge) {
		t.Errorf("unread %v", s.Unread)
	}
	if problems := s.Problems(); len(problems) != 2 || problems[1].File != b || problems[1].Line != 1 {
		t.Errorf("problems %v", problems)
	}
	if _, err := knownhosts.Read([]string{a}, []string{dir}); !errors.Is(err, knownhosts.ErrIsDirectory) || !strings.Contains(err.Error(), dir) {
		t.Errorf("directory: %v", err)
	}
}

// A file cut off anywhere never makes a key of another, and never panics.
func TestTruncation(t *testing.T) {
	text := fill(t, "web,db {ed25519} c\r\n@revoked "+knownhosts.HashName("web")+" {ecdsa256}\n@cert-authority * {ca}")
	for n := range len(text) {
		s := &knownhosts.Store{Files: []knownhosts.File{{Path: "kh", Text: text[:n]}}}
		entries, _ := s.Lookup("web")
		whole, _ := store(t, text).Lookup("web")
		for i, e := range entries {
			if string(e.Key.Marshal()) != string(whole[i].Key.Marshal()) {
				t.Errorf("cut at %d: line %d has another key", n, e.Number)
			}
		}
		v := s.Decide(knownhosts.Query{Target: knownhosts.Target{Host: "web"}, Key: key(t, "rsa"), Now: now})
		if a := v.Action(knownhosts.AcceptNew, false); a != knownhosts.AcceptAndAdd && a != knownhosts.Refuse {
			t.Errorf("cut at %d: another key is accepted: %v", n, a)
		}
		s.Problems()
	}
}

func FuzzStore(f *testing.F) {
	f.Add(fill(f, "web,db {ed25519} c\r\n@revoked "+knownhosts.HashName("web")+" {ecdsa256}\n@cert-authority *,!x {ca}"), "web")
	f.Add("@\n@revoked\n|1||\n", "[a]:1")
	k := key(f, "ed25519")
	f.Fuzz(func(t *testing.T, text, host string) {
		file := knownhosts.File{Path: "kh", Text: text}
		var raw strings.Builder
		for l := range file.Lines() {
			raw.WriteString(l.Raw)
		}
		if raw.String() != text {
			t.Fatalf("lines make up %q", raw.String())
		}
		s := &knownhosts.Store{Files: []knownhosts.File{file}}
		target := knownhosts.Target{Host: host, Port: 2222}
		v := s.Decide(knownhosts.Query{Target: target, Key: k, Now: now})
		if v.Status == knownhosts.Trusted && !v.By.Matches(v.Name()) && !v.By.Matches(host) {
			t.Fatalf("trusted by %v", v.By)
		}
		for _, r := range v.Question().Text + v.Warning(knownhosts.Strict, "kh") {
			if r < ' ' && r != '\n' || r == 0x7f || r == 0x9b {
				t.Fatalf("control character %q reaches the terminal", r)
			}
		}
		s.Algorithms(target, nil)
		s.Problems()
	})
}

func BenchmarkLookup(b *testing.B) {
	const lines = 100_000
	var plain, hashed strings.Builder
	for i := range lines {
		fmt.Fprintf(&plain, "host%d.example,10.0.%d.%d %s\n", i, i/256, i%256, keyLine(b, "ed25519"))
		fmt.Fprintf(&hashed, "%s %s\n", knownhosts.HashName(fmt.Sprintf("host%d.example", i)), keyLine(b, "ed25519"))
	}
	for name, text := range map[string]string{"plain": plain.String(), "hashed": hashed.String()} {
		b.Run(name, func(b *testing.B) {
			s := store(b, text)
			for b.Loop() {
				if entries, _ := s.Lookup(fmt.Sprintf("host%d.example", lines-1)); len(entries) != 1 {
					b.Fatal(len(entries))
				}
			}
		})
	}
}
