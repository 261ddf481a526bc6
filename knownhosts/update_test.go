package knownhosts_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
)

func TestUpdate(t *testing.T) {
	web := knownhosts.Query{Target: knownhosts.Target{Host: "web", Address: "10.1.2.3"}}
	both := web
	both.CheckAddress = true
	for _, c := range []struct {
		name  string
		text  string
		query knownhosts.Query
		keys  []string // the server's
		err   error
		after string // known_hosts; empty: as before
	}{
		{"one is new", "web {ed25519}\n", web, []string{"ed25519", "rsa"}, nil, "web {ed25519}\nweb {rsa}\n"},
		{"one is gone", "# mine\nweb {ed25519} c\nweb {rsa}\ndb {ecdsa256}", web, []string{"ed25519"}, nil, "# mine\nweb {ed25519} c\ndb {ecdsa256}"},
		{"the order is the server's", "web {rsa}\nweb {ed25519}\n", web, []string{"ecdsa256", "ed25519"}, nil, "web {ed25519}\nweb {ecdsa256}\n"},
		{"nothing is new", "web {ed25519}\n", web, []string{"ed25519"}, knownhosts.ErrUpToDate, ""},
		{"no keys at all", "web {ed25519}\n", web, nil, knownhosts.ErrUpToDate, ""},
		{"twice the same", "web {ed25519}\n", web, []string{"ed25519", "rsa", "rsa"}, knownhosts.ErrDuplicates, ""},
		{"pattern", "w* {ed25519}\n", web, []string{"ed25519", "rsa"}, knownhosts.ErrHandWritten, ""},
		{"three names", "web,a,b {ed25519}\n", web, []string{"ed25519", "rsa"}, knownhosts.ErrHandWritten, ""},
		{"authority", "web {ed25519}\n@cert-authority web {ca}\n", web, []string{"ed25519", "rsa"}, knownhosts.ErrHandWritten, ""},
		{"known as another's", "web {ed25519}\ndb {rsa}\n", web, []string{"ed25519", "rsa"}, knownhosts.ErrOtherNames, ""},
		{"gone, but another's too", "web {ed25519}\nweb {rsa}\ndb {rsa}\n", web, []string{"ed25519"}, knownhosts.ErrOtherNames, ""},
		{"lines that cannot be understood stay", "web future AAAA\nweb {ed25519}\n", web, []string{"ed25519", "rsa"}, nil, "web future AAAA\nweb {ed25519}\nweb {rsa}\n"},
		{"name and address", "web,10.1.2.3 {ed25519}\n", both, []string{"ed25519", "rsa"}, nil, "web,10.1.2.3 {ed25519}\nweb,10.1.2.3 {rsa}\n"},
		{"address is added on the occasion", "web {ed25519}\n", both, []string{"ed25519", "rsa"}, nil, "web {ed25519}\n10.1.2.3 {ed25519}\nweb,10.1.2.3 {rsa}\n"},
		{"address with another name", "web {ed25519}\ndb,10.1.2.3 {ed25519}\n", both, []string{"ed25519", "rsa"}, knownhosts.ErrOtherNames, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "kh")
			write(t, path, fill(t, c.text))
			s, err := knownhosts.Read([]string{path}, nil)
			if err != nil {
				t.Fatal(err)
			}
			u, err := s.Update(c.query, keys(t, c.keys...))
			if !errors.Is(err, c.err) {
				t.Fatalf("got error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			if err := u.Apply([]string{path, path + "2"}, false); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != fill(t, c.after) {
				t.Errorf("got\n%s\nwant\n%s", got, fill(t, c.after))
			}
			if got := read(t, path+".old"); got != fill(t, c.text) {
				t.Errorf("kept\n%s", got)
			}
			if _, err := os.Stat(path + "2"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a missing file was made: %v", err)
			}
		})
	}
}

func keys(t *testing.T, names ...string) []ssh.PublicKey {
	var all []ssh.PublicKey
	for _, name := range names {
		all = append(all, key(t, name))
	}
	return all
}

func TestMayUpdate(t *testing.T) {
	trusted := func(origin knownhosts.Origin) knownhosts.Verdict {
		return knownhosts.Verdict{Status: knownhosts.Trusted, By: &knownhosts.Entry{Line: knownhosts.Line{Origin: origin}}}
	}
	otherPort, ca, address := trusted(knownhosts.User), trusted(knownhosts.User), trusted(knownhosts.User)
	otherPort.OtherPort = true
	ca.Status = knownhosts.TrustedByCA
	address.AtAddress = &knownhosts.AddressVerdict{Status: knownhosts.Trusted, By: trusted(knownhosts.Global).By}
	for name, c := range map[string]struct {
		verdict knownhosts.Verdict
		want    bool
	}{
		"user's file": {trusted(knownhosts.User), true}, "system's file": {trusted(knownhosts.Global), false}, "told": {trusted(knownhosts.Told), false},
		"other port": {otherPort, false}, "certificate": {ca, false}, "address in the system's file": {address, false},
		"unknown": {knownhosts.Verdict{}, false}, "changed": {knownhosts.Verdict{Status: knownhosts.Changed}, false},
	} {
		if got := c.verdict.MayUpdate(); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Stock ssh makes the same of its files when the server tells of its keys.
func TestUpdateAsSSH(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(4, 4)), t}
	dir := t.TempDir()
	ours := filepath.Join(dir, "ours")
	offers := [][]string{{"ed25519"}, {"ed25519", "rsa"}, {"ed25519", "ecdsa256", "rsa"}}
	var servers []string
	for _, names := range offers {
		servers = append(servers, through(prepare(t, names, nil)))
	}
	updated := 0
	for range *cases / 2 {
		var lines []string
		for range g.IntN(4) {
			lines = append(lines, pick(g, "web ", "web ", "web ", knownhosts.HashName("web")+" ", "web,10.1.2.3 ", "db ", "w* ", "@revoked web ")+
				"{"+pick(g, "ed25519", "rsa", "ecdsa256", "ed25519b")+"}"+pick(g, "", " comment"))
		}
		lines = append(lines, pick(g, "web {ed25519}", "web {ed25519}", "# none", "web odd"))
		before := fill(t, strings.Join(lines, "\n")+"\n")
		offer := g.IntN(len(offers))
		write(t, filepath.Join(dir, "kh"), before)
		run := runSSH(t, dir, "web", 22, "yes", servers[offer], "StrictHostKeyChecking=yes", "UpdateHostKeys=yes", "LogLevel=VERBOSE")

		write(t, ours, before)
		s, err := knownhosts.Read([]string{ours}, nil)
		if err != nil {
			t.Fatal(err)
		}
		query := knownhosts.Query{Target: knownhosts.Target{Host: "web"}, Now: now}
		for _, algorithm := range s.Algorithms(query.Target, nil) {
			if i := slices.IndexFunc(keys(t, offers[offer]...), func(k ssh.PublicKey) bool {
				return k.Type() == strings.Replace(algorithm, "rsa-sha2-512", "ssh-rsa", 1)
			}); i >= 0 {
				query.Key = key(t, offers[offer][i])
				break
			}
		}
		said := ""
		if v := s.Decide(query); v.Action(knownhosts.Strict, false) == knownhosts.Accept && v.MayUpdate() {
			if u, err := s.Update(query, keys(t, offers[offer]...)); err == nil {
				updated++
				said = u.Changes()
				if err := u.Apply([]string{ours}, false); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, want := read(t, ours), read(t, filepath.Join(dir, "kh")); got != want || !strings.Contains(run.stderr, said) {
			t.Errorf("server has %v, before\n%s\nssh\n%s\nwe\n%s\n%s\nssh says\n%s", offers[offer], before, want, got, said, run.stderr)
		}
	}
	if updated < *cases/20 {
		t.Errorf("only %d files were updated", updated)
	}
}

func TestReplaceKeeps(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	before := fill(t, "# mine\r\n\x00\xff\n@revoked web {rsa}\nweb,db {rsa}\nweb ssh-future AAAA\nother {rsa}")
	write(t, file, before)
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := knownhosts.Replace(link, []string{"web"}, keys(t, "ed25519"), false); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, file), fill(t, "# mine\r\n\x00\xff\n@revoked web {rsa}\nweb ssh-future AAAA\nother {rsa}\nweb {ed25519}\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	checkMode(t, file, 0o640)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || !slices.Equal(left, []string{file, file + ".old", link}) {
		t.Errorf("left in the directory: %q, %v", left, err)
	}
	// A second time there is nothing to do, and nothing is done.
	info, _ := os.Stat(file)
	if err := knownhosts.Replace(file, []string{"web"}, keys(t, "ed25519"), false); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.Stat(file); !os.SameFile(info, again) {
		t.Error("a file was written that stays the same")
	}
	if err := knownhosts.Replace(os.DevNull, []string{"web"}, nil, false); err != nil {
		t.Errorf("%s: %v", os.DevNull, err)
	}
	if err := knownhosts.Replace(filepath.Join(dir, "missing"), []string{"web"}, nil, false); err != nil {
		t.Errorf("missing file: %v", err)
	}
}

// Nothing that is learned while files are updated is lost, and nobody reads half a file.
func TestReplaceWhileOthersLearn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kh")
	write(t, path, fill(t, "web {ed25519}\n"))
	const learners, hosts = 2, 50
	var learning sync.WaitGroup
	for i := range learners {
		learning.Go(func() {
			for j := range hosts {
				if err := knownhosts.Append(path, []string{fmt.Sprintf("host%d-%d", i, j)}, key(t, "rsa"), false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range hosts {
		names := []string{"ed25519", "ed25519b"}
		if err := knownhosts.Replace(path, []string{"web"}, keys(t, names[i%2]), false); err != nil {
			t.Error(err)
		}
	}
	learning.Wait()
	if got := strings.Count(read(t, path), "\n"); got != learners*hosts+1 {
		t.Errorf("%d lines, want %d", got, learners*hosts+1)
	}
}
