package creds

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// inMemory is a fake Google for fake time, and a source that uses it.
func inMemory(t *testing.T, configure func(*googletest.Server)) (*googletest.Server, *Source) {
	t.Helper()
	google := googletest.NewUnstartedServer()
	if configure != nil {
		configure(google)
	}
	google.StartInMemory()
	return google, mustFind(t, withFile(google.AuthorizedUser(), google.Client()))
}

func mustToken(t *testing.T, s *Source, refused string) string {
	t.Helper()
	token, err := s.Token(t.Context(), refused)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokenIsCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google, s := inMemory(t, nil)
		first := mustToken(t, s, "")
		if !google.Valid(first) {
			t.Fatal("not a token of the server")
		}
		time.Sleep(55*time.Minute - time.Second)
		if mustToken(t, s, "") != first || mustToken(t, s, "another") != first || google.Counts().Token != 1 {
			t.Error("renewed too early")
		}
		time.Sleep(time.Second)
		second := mustToken(t, s, "")
		if second == first || !google.Valid(second) || google.Counts().Token != 2 {
			t.Error("not renewed with five minutes left")
		}
	})
}

func TestRefusedTokenIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google, s := inMemory(t, nil)
		first := mustToken(t, s, "")
		google.Expire(first)
		second := mustToken(t, s, first)
		if second == first || !google.Valid(second) {
			t.Error("the refused token came back")
		}
		// Another session learns late that the first token is no good.
		if mustToken(t, s, first) != second || google.Counts().Token != 2 {
			t.Error("renewed once more for the same refusal")
		}
	})
}

func TestRefusedTokenIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google, s := inMemory(t, nil)
		first := mustToken(t, s, "")
		google.Refuse(googletest.Refusal{Status: 503})
		for _, refused := range []string{first, ""} {
			var re *RefreshError
			if token, err := s.Token(t.Context(), refused); !errors.As(err, &re) || !re.Temporary() {
				t.Errorf("got %q, %v", token, err)
			}
		}
		google.Allow()
		if mustToken(t, s, "") == first {
			t.Error("the refused token came back")
		}
	})
}

func TestFailedRenewalSparesLivingToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google, s := inMemory(t, nil)
		first := mustToken(t, s, "")
		google.Refuse(googletest.Refusal{Error: "invalid_grant"})
		time.Sleep(59 * time.Minute)
		if mustToken(t, s, "") != first {
			t.Error("not the token that still lives")
		}
		time.Sleep(time.Minute)
		var re *RefreshError
		if _, err := s.Token(t.Context(), ""); !errors.As(err, &re) || re.Code != "invalid_grant" {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestRenewalIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google, s := inMemory(t, func(g *googletest.Server) { g.TokenDelay = time.Second })
		tokens := make([]string, 10)
		var wg sync.WaitGroup
		for i := range tokens {
			wg.Go(func() { tokens[i] = mustToken(t, s, "") })
		}
		wg.Wait()
		for _, token := range tokens {
			if token == "" || token != tokens[0] {
				t.Errorf("tokens differ: %q", tokens)
			}
		}
		if n := google.Counts().Token; n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestContextBoundsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google, s := inMemory(t, func(g *googletest.Server) { g.TokenDelay = 10 * time.Second })
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		patient := make(chan error, 1)
		go func() {
			_, err := s.Token(t.Context(), "")
			patient <- err
		}()
		synctest.Wait()
		start := time.Now()
		if _, err := s.Token(impatient, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient: %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("impatient waited %v", took)
		}
		if err := <-patient; err != nil || google.Counts().Token != 1 {
			t.Errorf("patient: %v, %+v", err, google.Counts())
		}
	})
}

// hanging is a credential that never answers.
type hanging struct{ ended chan error }

func (h hanging) fetch(ctx context.Context) (accessToken, error) {
	<-ctx.Done()
	h.ended <- ctx.Err()
	return accessToken{}, ctx.Err()
}
func (h hanging) principal() string { return "" }
func (h hanging) origin() string    { return "" }
func (h hanging) signIn() string    { return "" }

func (h hanging) fingerprint() string { return "" }
func (h hanging) keeps() bool         { return false }

func TestRenewalEndsWithItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging{make(chan error, 1)}
		s := newSource(h, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := s.Token(ctx, ""); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		start := time.Now()
		if err := <-h.ended; err != context.Canceled || time.Since(start) != 0 {
			t.Errorf("ended with %v after %v", err, time.Since(start))
		}
		// The next caller starts anew.
		if _, err := s.Token(t.Context(), ""); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
	})
}

func TestRenewalIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, file := range []func(*googletest.Server) []byte{(*googletest.Server).AuthorizedUser, (*googletest.Server).ServiceAccount} {
			google := googletest.NewUnstartedServer()
			google.TokenDelay = time.Hour
			google.StartInMemory()
			s := mustFind(t, withFile(file(google), google.Client()))
			start := time.Now()
			_, err := s.Token(t.Context(), "")
			var re *RefreshError
			if !errors.As(err, &re) || !errors.Is(err, context.DeadlineExceeded) || !re.Temporary() {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took != renewTimeout {
				t.Errorf("%s took %v", re.Type, took)
			}
		}
	})
}

func TestBareTokenCannotBeRefreshed(t *testing.T) {
	s := mustFind(t, machine{env: map[string]string{envToken: "ya29.secret"}})
	for range 2 {
		if got := mustToken(t, s, ""); got != "ya29.secret" {
			t.Fatalf("got %q", got)
		}
	}
	_, err := s.Token(t.Context(), "ya29.secret")
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Origin != envToken || refused.Advice() == "" {
		t.Errorf("got %v", err)
	}
	checkSecrets(t, err, []string{"ya29.secret"})
}
