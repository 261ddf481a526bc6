package creds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// A token is renewed when this much of its life is left, as gcloud does,
	// so that it does not expire while a connection is being made with it.
	renewBefore = 5 * time.Minute

	// Bounds one renewal: at most a few requests, possibly an executable, and the
	// wait for another process that is at it.
	renewTimeout = 45 * time.Second

	// A server that has no time gets this many requests, this far apart: the
	// pause doubles, and is spread so that many processes do not come back together.
	busyTries = 4
	busyPause = time.Second
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
	// fingerprint tells the credential, as it is now, from others, without
	// telling what it is.
	fingerprint() string
	// keeps says that a token may be kept for other processes: the credential
	// would give them one too, but it takes time.
	keeps() bool
}

// digest makes a fingerprint.
func digest(secret string) string {
	sum := sha256.Sum256([]byte("iapssh credential\n" + secret))
	return hex.EncodeToString(sum[:16])
}

// Identity is what tokens depend on. It holds no secret.
type Identity struct {
	Account     string // as Source.Principal, of who impersonates if anybody does
	Credential  string // a fingerprint
	Impersonate string // service accounts, separated by commas
	Scopes      string
}

// Store keeps an identity's tokens for other processes.
type Store interface {
	// Once reads what is kept under kind and name into value; if there is nothing,
	// or good does not approve of it, one process at a time calls renew, which
	// sets what value points at and says for how long that is worth keeping. The
	// others wait for it. ctx bounds the wait.
	Once(ctx context.Context, kind, name string, value any, good func() bool, renew func(context.Context) (time.Duration, error)) error
}

// Source hands out access tokens of one credential. Its methods may be called
// concurrently; it needs no closing.
//
// It starts one goroutine per renewal, which ends with the renewal: when the
// answer is there, after renewTimeout, or when no caller waits any longer.
type Source struct {
	credential credential
	identity   Identity
	store      Store  // or nil
	way        string // see place.beaten
	quota      string
	others     []place // where somebody else's credential may be

	mu      sync.Mutex // guards what follows, and renewal.waiters
	cached  accessToken
	renewal *renewal // the one in progress, or nil
	fetched bool     // some token was asked for by this process
	failed  string   // fingerprint of the credential when it last gave no token
}

// renewal is one attempt to get a token, shared by all who want one now.
type renewal struct {
	cancel  context.CancelFunc
	waiters int // guarded by Source.mu
	refused string

	done  chan struct{} // closed once token and err are set
	token accessToken
	err   error
}

func newSource(c credential, store func(Identity) Store) *Source {
	s := &Source{credential: c, identity: Identity{Account: c.principal(), Credential: c.fingerprint(), Scopes: scope}}
	if i, ok := c.(*impersonation); ok {
		s.identity.Account, s.identity.Impersonate = i.base.Principal(), strings.Join(i.chain, ",")
	}
	if c.keeps() {
		s.store = store(s.identity)
	}
	return s
}

// Identity is what the tokens depend on, for caches of what they give access to.
func (s *Source) Identity() Identity { return s.identity }

// Fetched reports whether this process has asked for a token. If not, those
// that Token returned had been kept, and may have been revoked since.
func (s *Source) Fetched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetched
}

// Principal is the best known identity: the e-mail of the service account, or
// of the user if the credential names it, else "".
func (s *Source) Principal() string { return s.credential.principal() }

// Origin says where the credential was found, in words for people: a
// variable, a file, or both.
func (s *Source) Origin() string { return s.credential.origin() }

// QuotaProject is whose quota API calls are to be counted on; "" if nobody said.
// It goes into the header X-Goog-User-Project.
func (s *Source) QuotaProject() string { return s.quota }

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
		s.renewal = &renewal{cancel: cancel, refused: refused, done: make(chan struct{})}
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
	token, err := s.obtain(ctx, r.refused)

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

// keptToken is what the store keeps.
type keptToken struct {
	Token  string    `json:"token"`
	Expiry time.Time `json:"expiry"`
}

// obtain gets a token from the store, or anew.
func (s *Source) obtain(ctx context.Context, refused string) (accessToken, error) {
	if s.store == nil {
		return s.fetch(ctx)
	}
	var kept keptToken
	good := func() bool {
		return kept.Token != refused && isToken(kept.Token) && accessToken{kept.Token, kept.Expiry}.lasts(time.Now(), renewBefore)
	}
	err := s.store.Once(ctx, "token", "", &kept, good, func(ctx context.Context) (time.Duration, error) {
		token, err := s.fetch(ctx)
		kept = keptToken{token.value, token.expiry}
		return time.Until(token.expiry), err // the zero expiry: not to be kept
	})
	return accessToken{kept.Token, kept.Expiry}, err
}

// fetch asks the credential, patiently if its server has no time.
func (s *Source) fetch(ctx context.Context) (accessToken, error) {
	before := s.credential.fingerprint()
	for try := 1; ; try++ {
		token, err := s.credential.fetch(ctx)
		s.note(before, err)
		if try == busyTries || !isBusy(err) {
			return token, err
		}
		base := busyPause << (try - 1)
		select {
		case <-time.After(base/2 + rand.N(base)):
		case <-ctx.Done():
			return token, err
		}
	}
}

func (s *Source) note(fingerprint string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetched = true
	if err != nil {
		s.failed = fingerprint
	}
}

func isBusy(err error) bool {
	var e *RefreshError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
