package creds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
	iamCredentials = "https://iamcredentials.googleapis.com/"

	typeImpersonation = "impersonation"

	// The longest that every organisation permits.
	impersonationLife = time.Hour
)

// impersonation is a service account that another credential may act as.
type impersonation struct {
	env   Environment
	base  *Source
	chain []string // service accounts: the last is who to be, each before it may act as the next
}

// impersonating returns s, or, if there is a chain, the end of the chain.
func (e Environment) impersonating(s *Source, chain []string) *Source {
	if len(chain) == 0 {
		return s
	}
	outer := newSource(&impersonation{env: e, base: s, chain: chain}, e.Store)
	outer.way, outer.others, outer.quota = s.way, s.others, s.quota
	return outer
}

func (i *impersonation) principal() string { return i.chain[len(i.chain)-1] }
func (i *impersonation) origin() string {
	who := i.base.Origin()
	if principal := i.base.Principal(); principal != "" {
		who = principal + " from " + who
	}
	return "an impersonation by " + who
}
func (i *impersonation) signIn() string      { return i.base.SignIn() }
func (i *impersonation) fingerprint() string { return i.base.credential.fingerprint() }
func (i *impersonation) keeps() bool         { return i.base.credential.keeps() }

// fetch asks for a token of the last of the chain.
func (i *impersonation) fetch(ctx context.Context) (accessToken, error) {
	refused := ""
	quota := i.base.QuotaProject()
	for {
		bearer, err := i.base.Token(ctx, refused)
		if err != nil {
			return accessToken{}, err
		}
		token, err := i.generate(ctx, bearer, quota)
		var e *RefreshError
		switch refusal := errors.As(err, &e); {
		case !refusal:
			return token, err
		case e.Status == http.StatusUnauthorized && refused == "":
			refused = bearer
		case e.Status == http.StatusForbidden && quota != "":
			quota = "" // which may be what is forbidden
		default:
			return accessToken{}, err
		}
	}
}

func (i *impersonation) generate(ctx context.Context, bearer, quota string) (accessToken, error) {
	var delegates []string
	for _, account := range i.chain[:len(i.chain)-1] {
		delegates = append(delegates, "projects/-/serviceAccounts/"+account)
	}
	body, err := json.Marshal(map[string]any{
		"delegates": delegates, "scope": []string{scope}, "lifetime": fmt.Sprintf("%.0fs", impersonationLife.Seconds()),
	})
	if err != nil {
		return accessToken{}, err
	}
	base := i.env.IAMCredentials
	if base == "" {
		base = iamCredentials
	}
	address := strings.TrimSuffix(base, "/") + "/v1/projects/-/serviceAccounts/" + url.PathEscape(i.principal()) + ":generateAccessToken"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return accessToken{}, i.failure(&exchange{err: err})
	}
	maps.Copy(r.Header, i.env.Header)
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Content-Type", "application/json")
	if quota != "" {
		r.Header.Set("X-Goog-User-Project", quota)
	}
	x := newExchange(ctx, i.env.HTTPClient, secrets{bearer})
	resp, err := x.client.Do(r)
	if err != nil {
		return accessToken{}, i.failure(x)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string    `json:"accessToken"`
		ExpireTime  time.Time `json:"expireTime"`
	}
	if resp.StatusCode != http.StatusOK {
		return accessToken{}, i.failure(x)
	}
	if json.NewDecoder(resp.Body).Decode(&answer) != nil || !isToken(answer.AccessToken) {
		x.err = fmt.Errorf("%w: no access token in the answer", ErrMalformed)
		return accessToken{}, i.failure(x)
	}
	return accessToken{value: answer.AccessToken, expiry: answer.ExpireTime}, nil
}

func (i *impersonation) failure(x *exchange) error {
	e := &RefreshError{Origin: i.origin(), Principal: i.principal(), By: i.base.Principal(), Type: typeImpersonation, Status: x.status, Code: x.code}
	if x.err != nil {
		e.Err = x.secrets.clean(x.err)
	}
	return e
}
