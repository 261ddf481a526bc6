package gce

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

const (
	ours  = `ann:` + aKey + ` google-ssh {"userName":"ann","expireOn":"2026-01-31T12:00:00+0000"}`
	other = "bob:ssh-rsa AAAAB3 bob@laptop"
)

func TestAddKey(t *testing.T) {
	expired := strings.Replace(ours, "T12", "T09", 1)
	for _, test := range []struct{ name, before, want string }{
		{"none", "", ours},
		{"others stay, in their order", other + "\n" + "x:y z\n\nodd", other + "\nx:y z\nodd\n" + ours},
		{"expired ones go", other + "\n" + strings.Replace(expired, "ann:", "eve:", 1) + "\n", other + "\n" + ours},
		{"an earlier one of ours is replaced", strings.Replace(ours, "T12", "T11", 1) + "\n" + other, other + "\n" + ours},
		{"one without expiry stays", "ann:" + aKey + " ann@laptop", "ann:" + aKey + " ann@laptop\n" + ours},
		{"another user's stays", strings.Replace(ours, "ann:", "bob:", 1), strings.Replace(ours, "ann:", "bob:", 1) + "\n" + ours},
		{"what cannot be read stays", "ann:" + aKey + " google-ssh {broken", "ann:" + aKey + " google-ssh {broken\n" + ours},
	} {
		got, err := AddKey(test.before, "ann", aKey+" comment", now.Add(2*time.Hour), now)
		if err != nil || got != test.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", test.name, err, got, test.want)
		}
	}
	if _, err := AddKey(strings.Repeat("x", maxValue), "ann", aKey, now, now); !errors.Is(err, ErrMetadataFull) {
		t.Error(err)
	}
	for _, bad := range [][2]string{{"", aKey}, {"a:b", aKey}, {"a\nb", aKey}, {"ann", "ssh-rsa"}} {
		if got, err := AddKey("", bad[0], bad[1], now, now); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

func TestUsersOf(t *testing.T) {
	for _, test := range []struct {
		value string
		at    time.Time
		want  string
	}{
		{"ann:" + aKey + " x", now, "ann"},
		{other + "\n" + ours, now, "ann"},
		{ours + "\neve:" + aKey, now, "ann eve"},
		{ours, now.Add(3 * time.Hour), ""},
		{other, now, ""},
		{"ann:" + aKey + " google-ssh {broken", now, ""},
		{"", now, ""},
	} {
		users := UsersOf(test.value, aKey, test.at)
		if got := strings.Join(slices.Sorted(maps.Keys(users)), " "); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func TestUntil(t *testing.T) {
	until := now.Add(2 * time.Hour)
	short := strings.Replace(ours, "T12", "T11", 1)
	for _, test := range []struct {
		value string
		want  time.Time
	}{
		{ours, until}, {short + "\n" + ours, until}, {ours + "\n" + short, until},
		{ours + "\nann:" + aKey, time.Time{}}, {"ann:" + aKey + "\n" + ours, time.Time{}},
	} {
		if got, ok := UsersOf(test.value, aKey, now)["ann"]; !ok || !got.Equal(test.want) {
			t.Errorf("%q: %v", test.value, got)
		}
	}
}

func TestOnVM(t *testing.T) {
	item := func(pairs ...string) (m Metadata) {
		for i := 0; i < len(pairs); i += 2 {
			m = m.With(pairs[i], pairs[i+1])
		}
		return m
	}
	project := item("ssh-keys", "p", "sshKeys", "q")
	for _, test := range []struct {
		instance Metadata
		want     string
	}{
		{item(), "p q"},
		{item("ssh-keys", "i"), "i p q"},
		{item("ssh-keys", "i", "block-project-ssh-keys", "TRUE"), "i"},
		{item("sshKeys", "j"), "j"},
	} {
		if got := strings.Join(OnVM(test.instance, project), " "); got != test.want {
			t.Errorf("%v: %s, want %s", test.instance, got, test.want)
		}
	}
}
