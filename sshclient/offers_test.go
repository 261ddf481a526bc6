package sshclient

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// The order of keys when identities come first, and when one is known to be liked.
func TestOfferOrder(t *testing.T) {
	dir := t.TempDir()
	onDisk, named, extra := newTestKey(t, "ed25519"), newTestKey(t, "ed25519"), newTestKey(t, "ed25519")
	disk, namedPub := onDisk.write(t, dir, "disk", ""), named.writePublic(t, dir, "named.pub")
	sock := newTestAgent(t, extra, named).path
	line := func(k testKey) string { return string(ssh.MarshalAuthorizedKey(k.public)) }
	for _, test := range []struct {
		name  string
		auth  Auth
		order []string
	}{
		{"ssh's", Auth{}, []string{namedPub, "held0", disk}},
		{"identities first", Auth{IdentitiesFirst: true}, []string{disk, namedPub, "held0"}},
		{"one of the agent's first", Auth{IdentitiesFirst: true, First: line(extra)}, []string{"held0", disk, namedPub}},
		{"one of the files first", Auth{First: line(onDisk)}, []string{disk, namedPub, "held0"}},
		{"a first that is not there", Auth{First: line(newTestKey(t, "ed25519"))}, []string{namedPub, "held0", disk}},
		{"a first that is no key", Auth{First: "nonsense"}, []string{namedPub, "held0", disk}},
		{"bounded", Auth{IdentitiesFirst: true, MaxOffers: 2}, []string{disk, namedPub}},
	} {
		test.auth.AgentPath, test.auth.Identities = sock, []Identity{{Path: disk}, {Path: namedPub}}
		a := &attempt{auth: test.auth}
		if a.run(t); !slices.Equal(a.offered(), test.order) {
			t.Errorf("%s: %v, want %v", test.name, a.offered(), test.order)
		}
	}
}

// A later key may be one that the agent signs for; one that cannot be used here is not asked for again.
func TestMoreKeysOfTheAgent(t *testing.T) {
	dir := t.TempDir()
	held, locked := newTestKey(t, "ed25519"), newTestKey(t, "ed25519")
	heldPub := held.writePublic(t, dir, "held.pub")
	lockedPath := locked.write(t, dir, "locked", "secret")
	for _, test := range []struct {
		more  string
		login bool
	}{
		{heldPub, true},
		{strings.TrimSuffix(heldPub, ".pub"), true}, // of which only the public half is there
		{lockedPath, false},
	} {
		a := &attempt{allowed: []testKey{held, locked}, auth: Auth{AgentPath: newTestAgent(t, held).path, IdentitiesOnly: true, BatchMode: true}}
		calls := 0
		a.auth.More = func(context.Context) (Identity, bool) {
			calls++
			return Identity{Path: test.more}, calls < 5
		}
		a.run(t)
		var denied *AuthError
		if (a.err == nil) != test.login || calls != 1 || errors.As(a.err, &denied) && !denied.Unusable() {
			t.Errorf("%s: %d calls, %v", test.more, calls, a.err)
		}
	}
}

// When all keys have been refused there may be more, as often as there are tries left; the last time it is called it may do
// something for the next connection.
func TestMoreKeys(t *testing.T) {
	dir := t.TempDir()
	first, late := newTestKey(t, "ed25519"), newTestKey(t, "ed25519")
	firstPath, latePath := first.write(t, dir, "first", ""), late.write(t, dir, "late", "")
	for _, test := range []struct {
		name    string
		max     int
		gives   int // how often there is one more
		allowed []testKey
		calls   int
		offered []string
	}{
		{"not needed", 0, 9, []testKey{first}, 0, []string{firstPath}},
		{"accepted", 0, 9, []testKey{late}, 1, []string{firstPath, latePath}},
		{"none", 0, 0, nil, 1, []string{firstPath}},
		{"again and again", 0, 3, nil, 4, []string{firstPath, latePath, latePath, latePath}},
		{"as long as there are tries", 3, 9, nil, 2, []string{firstPath, latePath, latePath}},
		{"no tries left at all", 1, 9, nil, 1, []string{firstPath}},
	} {
		a := &attempt{allowed: test.allowed, auth: Auth{Identities: []Identity{{Path: firstPath}}, MaxOffers: test.max}}
		calls := 0
		a.auth.More = func(context.Context) (Identity, bool) {
			calls++
			return Identity{Path: latePath}, calls <= test.gives
		}
		a.run(t)
		if calls != test.calls || !slices.Equal(a.offered(), test.offered) || (a.err == nil) != (test.allowed != nil) {
			t.Errorf("%s: %d calls, offered %v, %v", test.name, calls, a.offered(), a.err)
		}
	}
}

// The files are such that ssh-keygen knows them for its own.
func TestNewKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "key")
	if err := NewKeyFile(path, "me@here"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ssh-keygen", "-y", "-P", "", "-f", path).Output()
	public, readErr := os.ReadFile(path + ".pub")
	if err != nil || readErr != nil || string(out) != string(public) || !strings.HasPrefix(string(out), PublicHalf(path)+" me@here") {
		t.Errorf("ssh-keygen reads %q, %v; beside it lies %q, %v", out, err, public, readErr)
	}
	if err := NewKeyFile(path, "x"); !os.IsExist(err) {
		t.Errorf("a key was replaced: %v", err)
	}
	if err := os.Remove(path + ".pub"); err != nil || PublicHalf(path)+" me@here\n" != string(public) {
		t.Errorf("without the public file: %q, %v", PublicHalf(path), err)
	}
	if err := NewKeyFile(filepath.Join(t.TempDir(), "home", ".ssh", "key"), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a home: %v", err)
	}
	if PublicHalf(path+"2") != "" {
		t.Error("a key that is not there")
	}
}

// Which keys nobody could log in with, though a server let them in.
func TestCheckKeyFile(t *testing.T) {
	dir := t.TempDir()
	key, other := newTestKey(t, "ed25519"), newTestKey(t, "ed25519")
	swapped := key.write(t, dir, "swapped", "")
	other.writePublic(t, dir, "swapped.pub")
	open := key.write(t, dir, "open", "")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		key.write(t, dir, "good", ""):                   "",
		key.write(t, dir, "locked", "secret"):           "",
		key.writePublic(t, dir, "public"):               "",
		filepath.Join(dir, "nothing"):                   "",
		swapped:                                         errOtherHalf.Error(),
		writeFile(t, dir, "broken", []byte("nonsense")): errInvalidFormat.Error(),
		open: "bad permissions",
	} {
		if runtime.GOOS == "windows" && path == open {
			continue // modes say nothing there
		}
		err := CheckKeyFile(path)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
