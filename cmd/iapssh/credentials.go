package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/transport/iap"
)

// signInTimeout bounds the requests that get an access token.
const signInTimeout = time.Minute

// wish is what the plan says of whom to be.
func wish(plan config.Plan) creds.Wish {
	w := accountWish(plan.GCloud)
	w.Impersonate = plan.Impersonate
	return w
}

func accountWish(g config.GCloud) creds.Wish {
	return creds.Wish{
		Dir: g.Dir, Configuration: g.Configuration, Account: g.Account, Named: g.AccountNamed,
		TokenFile: g.TokenFile, CredentialFile: g.CredentialFile, QuotaProject: g.QuotaProject,
	}
}

// apiHeader goes with requests to Google, the relay's included, but not with those for an access token.
func apiHeader(plan config.Plan) http.Header {
	if plan.Reason == "" {
		return nil
	}
	return http.Header{"X-Goog-Request-Reason": {plan.Reason}}
}

// token returns an access token; an empty one if requests are to go without. refused is one that an API turned down, or empty.
func (r *relay) token(ctx context.Context, refused string) (string, error) {
	if r.resolved.GCloud.NoCredentials {
		return "", nil
	}
	if r.clock != nil {
		r.clock.pause()
		defer r.clock.resume()
	}
	r.wait.enter("signing in to Google")
	ctx, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	source, err := r.credentials(ctx)
	if err != nil {
		return "", err
	}
	token, err := source.Token(ctx, refused)
	r.wait.enter("asking Google")
	return token, err
}

// dialToken is the dialer's token source. When a session is to be resumed it waits for the user to sign in, if it comes to that.
func (r *relay) dialToken(ctx context.Context, refused string) (string, error) {
	r.mu.Lock()
	if refused == "" {
		refused, r.refused = r.refused, ""
	}
	waits := r.dialled
	r.mu.Unlock()
	token, err := r.token(ctx, refused)
	for said := false; waits && signInWouldMend(err); said = true {
		if awaitErr := r.awaitSignIn(ctx, err, said); awaitErr != nil {
			return "", awaitErr
		}
		token, err = r.token(ctx, refused)
	}
	r.mu.Lock()
	if token != "" && token != r.last {
		r.tokens++
	}
	r.last = token
	r.mu.Unlock()
	return token, err
}

// awaitSignIn returns when the user has signed in anew, having said how unless that is done. The error is lack if there is no way
// to, else ctx's.
func (r *relay) awaitSignIn(ctx context.Context, lack error, said bool) error {
	if r.cloud == nil { // it was not we who asked Google
		return lack
	}
	source, err := r.credentials(ctx)
	if err != nil || source.SignIn() == "" {
		return lack
	}
	if !said {
		r.say("the sign-in has expired; the session waits for it. In another terminal run: " + source.SignIn())
	}
	return source.AwaitSignIn(ctx)
}

// signInWouldMend says that no token is to be had until the user signs in.
func signInWouldMend(err error) bool {
	var refresh *creds.RefreshError
	return errors.As(err, &refresh) && refresh.Code == "invalid_grant" && !refresh.Temporary()
}

// mayHaveAged says that a dial failed for an access token which had been kept for so long that it is no longer good: the relay
// says so, or says what it also says to a token that was revoked. That one will not be used again.
func (r *relay) mayHaveAged(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var closed *iap.CloseError
	var status *iap.HTTPError
	switch {
	case r.last == "" || r.source == nil:
		return false
	case errors.As(err, &closed) && closed.Code == iap.CloseReauthenticate:
	case errors.As(err, &closed) && closed.Code == iap.CloseNotAuthorized && !r.source.Fetched():
	case errors.As(err, &status) && status.Status == http.StatusUnauthorized:
	default:
		return false
	}
	r.refused = r.last
	return true
}

func (r *relay) credentials(ctx context.Context) (*creds.Source, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source != nil {
		return r.source, nil
	}
	env := creds.Environment{HTTPClient: r.http, Header: r.dialer.Header, IAMCredentials: r.resolved.APIs.IAMCredentials}
	if !r.resolved.NoTokenCache {
		env.Store = r.tokenStore
	}
	source, err := creds.Find(ctx, env, wish(r.resolved))
	if err != nil {
		return nil, err
	}
	r.debug("credentials: %s, from %s", cmp.Or(source.Principal(), "an account that they do not name"), source.Origin())
	r.source = source
	return source, nil
}

// quotaProject is whose quota a call of an API ("compute", "oslogin") is counted on; empty: the API's own choice.
func (r *relay) quotaProject(ctx context.Context, api string) string {
	if r.resolved.GCloud.NoCredentials {
		return r.resolved.GCloud.QuotaProject
	}
	source, err := r.credentials(ctx)
	if err != nil {
		return ""
	}
	return quotaProject(source.QuotaProject(), source.Principal(), r.resolved.GCloud.Project, api)
}

// quotaProject decides that as gcloud does: the project that was named for it counts for everything; else a user's calls count on the
// current project, where the API does not know by itself.
func quotaProject(named, principal, current, api string) string {
	switch {
	case named != "":
		return named
	case strings.HasSuffix(principal, ".gserviceaccount.com"), api == "compute":
		return ""
	}
	return current
}

// tokenStore is where the tokens of an identity are kept.
func (r *relay) tokenStore(identity creds.Identity) creds.Store {
	return r.cloud.Cache.For(cache.Owner(identity))
}
