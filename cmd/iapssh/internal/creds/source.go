package creds

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// A token is renewed when this much of its life is left, as gcloud does,
	// so that it does not expire while a connection is being made with it.
	renewBefore = 5 * time.Minute

	// Bounds one renewal: at most a few requests, and possibly an executable.
	renewTimeout = 30 * time.Second
)

// accessToken is a token and when it ends; the zero expiry means unknown, and
// the token is used until it is refused. The zero value is no token.
type accessToken struct {
	value  string
	expiry time.Time
}

// lasts reports whether the token is still good in d from now.
func (t accessToken) lasts(now time.Time, d time.Duration) bool {
	return t.value != "" && (t.expiry.IsZero() || t.expiry.After(now.Add(d)))
}

// credential is what a Source asks for a new token. Its methods may be called
// concurrently.
type credential interface {
	// fetch gets a new token. It honours ctx. It returns *RefreshError or
	// *FileError.
	fetch(ctx context.Context) (accessToken, error)
	principal() string
	origin() string
	// signIn is the command that makes the credential good again, or "".
	signIn() string
}

// Source hands out access tokens of one credential. Its methods may be called
// concurrently; it needs no closing.
//
// It starts one goroutine per renewal, which ends with the renewal: when the
// answer is there, after thirty seconds, or when no caller waits any longer.
type Source struct {
	credential credential

	mu      sync.Mutex // guards cached, renewal and renewal.waiters
	cached  accessToken
	renewal *renewal // the one in progress, or nil
}

// renewal is one attempt to get a token, shared by all who want one now.
type renewal struct {
	cancel  context.CancelFunc
	waiters int // guarded by Source.mu

	done  chan struct{} // closed once token and err are set
	token accessToken
	err   error
}

func newSource(c credential) *Source { return &Source{credential: c} }

// Principal is the best known identity: the e-mail of the service account, or
// of the user if the credential names it, else "".
func (s *Source) Principal() string { return s.credential.principal() }

// Origin says where the credential was found, in words for people: a
// variable, a file, or both.
func (s *Source) Origin() string { return s.credential.origin() }

// SignIn is what to run when the credential's tokens are turned down because
// they, or the sign-in behind them, have expired; "" if no command is known.
func (s *Source) SignIn() string { return s.credential.signIn() }

// Token returns an access token. If refused is not empty it is a token that
// the relay or an API turned down, and will not be returned.
//
// ctx bounds the wait for a renewal. The error is a *RefreshError or a
// *FileError if the renewal failed, a *RefusedError if it yielded nothing but
// the refused token, or it wraps that of ctx. A renewal that fails does no
// harm while the cached token lives.
func (s *Source) Token(ctx context.Context, refused string) (string, error) {
	token, r := s.join(ctx, refused)
	if r == nil {
		return token.value, nil
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		s.leave(r)
		return "", fmt.Errorf("waiting for an access token: %w", ctx.Err())
	}
	if r.err != nil {
		return "", r.err
	}
	if r.token.value == refused {
		return "", &RefusedError{Origin: s.Origin(), Principal: s.Principal()}
	}
	return r.token.value, nil
}

// join returns the cached token if it serves, else the renewal to wait for.
func (s *Source) join(ctx context.Context, refused string) (accessToken, *renewal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cached.value == refused {
		s.cached = accessToken{}
	}
	if s.cached.lasts(time.Now(), renewBefore) {
		return s.cached, nil
	}
	if s.renewal == nil {
		// Whoever comes first lends its values, not its patience.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTimeout)
		s.renewal = &renewal{cancel: cancel, done: make(chan struct{})}
		go s.renew(ctx, s.renewal)
	}
	s.renewal.waiters++
	return accessToken{}, s.renewal
}

// leave gives up waiting; the last one turns off the light.
func (s *Source) leave(r *renewal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.waiters--
	if r.waiters > 0 {
		return
	}
	r.cancel()
	if s.renewal == r {
		s.renewal = nil
	}
}

func (s *Source) renew(ctx context.Context, r *renewal) {
	defer r.cancel()
	token, err := s.credential.fetch(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.cached = token
	case s.cached.lasts(time.Now(), 0):
		token, err = s.cached, nil
	}
	if s.renewal == r {
		s.renewal = nil
	}
	r.token, r.err = token, err
	close(r.done)
}
