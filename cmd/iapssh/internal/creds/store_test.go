package creds

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// memory is a store that outlives sources.
type memory map[Identity]*shelf

func (m memory) of(i Identity) Store {
	if m[i] == nil {
		m[i] = &shelf{}
	}
	return m[i]
}

type shelf struct {
	text []byte
	life time.Duration
}

func (s *shelf) Once(ctx context.Context, _, _ string, value any, good func() bool, renew func(context.Context) (time.Duration, error)) error {
	if json.Unmarshal(s.text, value) == nil && good() {
		return nil
	}
	life, err := renew(ctx)
	if err == nil {
		s.life = life
		s.text, err = json.Marshal(value)
	}
	return err
}

func TestTokensAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google, _ := inMemory(t, nil)
		kept := memory{}
		m := withFile(google.AuthorizedUser(), google.Client())
		m.store = kept.of
		one := mustToken(t, mustFind(t, m), "")
		next := mustFind(t, m)
		if mustToken(t, next, "") != one || next.Fetched() || google.Counts().Token != 1 {
			t.Error("the next process asked for a token of its own")
		}
		if life := kept[next.Identity()].life; life != time.Hour {
			t.Errorf("kept for %v", life)
		}
		two := mustToken(t, mustFind(t, m), one)
		if two == one || mustToken(t, mustFind(t, m), "") != two {
			t.Error("the refused token stayed")
		}
		time.Sleep(56 * time.Minute)
		if mustToken(t, mustFind(t, m), "") == two {
			t.Error("kept too long")
		}
		// Another credential, or another to act as, is another identity.
		other, _ := inMemory(t, nil)
		m2 := withFile(other.AuthorizedUser(), other.Client())
		m2.store = kept.of
		if !other.Valid(mustToken(t, mustFind(t, m2), "")) {
			t.Error("somebody else's token")
		}
		if id := next.Identity(); strings.Contains(id.Credential, "1//") || len(kept) != 2 {
			t.Errorf("%d identities, %+v", len(kept), id)
		}
	})
}

// What was given as it is belongs to whoever gave it.
func TestGivenTokensAreNotKept(t *testing.T) {
	kept := memory{}
	for _, m := range []machine{
		{env: map[string]string{envToken: "ya29.x"}},
		{files: map[string]string{"/t": "ya29.y"}, wish: Wish{TokenFile: "/t"}},
	} {
		m.store = kept.of
		mustToken(t, mustFind(t, m), "")
	}
	if len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

// A token in a file is read again when it is refused.
func TestTokenFileIsReadAgain(t *testing.T) {
	m := machine{files: map[string]string{"/t": "ya29.one\n"}, wish: Wish{TokenFile: "/t"}}
	s := mustFind(t, m)
	if got := mustToken(t, s, ""); got != "ya29.one" {
		t.Errorf("got %q", got)
	}
	var refused *RefusedError
	if _, err := s.Token(t.Context(), "ya29.one"); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	m.files["/t"] = "ya29.two\n"
	if got := mustToken(t, s, "ya29.one"); got != "ya29.two" {
		t.Errorf("got %q", got)
	}
	delete(m.files, "/t")
	var fe *FileError
	if _, err := s.Token(t.Context(), "ya29.two"); !errors.As(err, &fe) || fe.Variable != propertyTokenFile {
		t.Errorf("got %v", err)
	}
}

func TestBusyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google, s := inMemory(t, nil)
		google.RefuseNext(3, googletest.Refusal{Status: 429, Error: "rate_limit_exceeded"})
		began := time.Now()
		if token := mustToken(t, s, ""); !google.Valid(token) || google.Counts().Token != 4 {
			t.Errorf("%+v", google.Counts())
		}
		if took := time.Since(began); took < 3500*time.Millisecond || took > 10500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}
