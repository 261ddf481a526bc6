package creds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// typeGCloud is a credential that only gcloud can use.
const typeGCloud = "gcloud"

// gcloud gets tokens from `gcloud config config-helper`, which takes a second of
// Python but knows all of gcloud's logins, and of the user's proofs of identity.
type gcloud struct {
	env  Environment
	path string // of the program; "" if it has not been looked for
	wish Wish
}

func (e Environment) openGCloud(wish Wish) (credential, error) {
	if !isPlain(wish.Account) {
		return nil, errAbsent{"not a name that it has"}
	}
	path, err := e.LookPath("gcloud")
	if err != nil {
		return nil, errAbsent{"not installed"}
	}
	return gcloud{env: e, path: path, wish: wish}, nil
}

// isPlain says that an account has nothing but what accounts have: on Windows
// gcloud is a script, whose interpreter reads its arguments once more.
func isPlain(account string) bool {
	return !strings.ContainsFunc(account, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("@._-+:/#", r)
	})
}

func (g gcloud) principal() string   { return g.wish.Account }
func (g gcloud) origin() string      { return "gcloud's login of " + g.wish.Account }
func (g gcloud) signIn() string      { return signInTo("", g.wish.Account) }
func (g gcloud) fingerprint() string { return digest("gcloud " + g.wish.Dir + " " + g.wish.Account) }
func (g gcloud) keeps() bool         { return true }

func (g gcloud) fetch(ctx context.Context) (accessToken, error) {
	if g.path == "" {
		path, err := g.env.LookPath("gcloud")
		if err != nil {
			return accessToken{}, err
		}
		g.path = path
	}
	args := []string{"config", "config-helper", "--format=json", "--quiet", "--account=" + g.wish.Account}
	if g.wish.Configuration != "" {
		args = append(args, "--configuration="+g.wish.Configuration)
	}
	output, err := g.env.Run(ctx, g.path, args...)
	if err != nil {
		return accessToken{}, g.failure(err)
	}
	var answer struct {
		Credential struct {
			AccessToken string     `json:"access_token"`
			Expiry      *time.Time `json:"token_expiry"`
		} `json:"credential"`
	}
	if json.Unmarshal(output, &answer) != nil || !isToken(answer.Credential.AccessToken) {
		return accessToken{}, g.failure(fmt.Errorf("%w: no access token in the answer of gcloud config config-helper", ErrMalformed))
	}
	token := accessToken{value: answer.Credential.AccessToken}
	if answer.Credential.Expiry != nil {
		token.expiry = *answer.Credential.Expiry
	}
	return token, nil
}

func (g gcloud) failure(err error) error {
	return &RefreshError{Origin: g.origin(), Principal: g.principal(), Login: g.wish.Account, Type: typeGCloud, Err: err}
}

// run is Environment.Run for gcloud: it is to ask nothing, and to act as whom we
// say, not as a service account of its configuration's choice.
func run(ctx context.Context, path string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT=")
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&stdout}, &limited{&stderr}
	err := cmd.Run()
	switch exit := (*exec.ExitError)(nil); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &exit) && stderr.Len() > 0:
		return nil, fmt.Errorf("%w: %v", err, firstLine(errors.New(stderr.String())))
	}
	return stdout.Bytes(), err
}

// limited keeps what an answer may have, and drops the rest.
type limited struct{ *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), max(0, maxAnswer-l.Len()))])
	return len(p), nil
}
