// Package creds says where an access token comes from and when it is renewed.
//
// [Find] looks for a credential, first found first served:
//
//  1. CLOUDSDK_AUTH_ACCESS_TOKEN, a bare token that cannot be renewed
//  2. the file that GOOGLE_APPLICATION_CREDENTIALS names
//  3. application_default_credentials.json in gcloud's configuration directory
//  4. the service account of the VM, from the metadata server
//
// The [Source] it returns hands out tokens: a cached one while it has more
// than five minutes to live, else a fresh one that concurrent callers share.
// A token that the relay refused is handed back to [Source.Token] and dropped
// from the cache.
//
// What can go wrong has a type each: [NotFoundError], [FileError],
// [RefreshError], [RefusedError], [RootsError]. Their texts hold no secret.
//
// find.go is the order above, file.go the credential files, metadata.go the
// metadata server, source.go the cache and the renewal, exchange.go what is
// learnt from the HTTP traffic of golang.org/x/oauth2/google, which has its
// only door here. roots.go says whose certificates are believed, clientcert.go
// which of our own is shown, mtls.go at which hosts.
package creds

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	scope = "https://www.googleapis.com/auth/cloud-platform"

	envToken    = "CLOUDSDK_AUTH_ACCESS_TOKEN"
	envFile     = "GOOGLE_APPLICATION_CREDENTIALS"
	envConfig   = "CLOUDSDK_CONFIG"
	envCheckGCE = "CLOUDSDK_CORE_CHECK_GCE_METADATA"

	adcName = "application_default_credentials.json"

	// Far above any credential file or CA bundle.
	maxFile = 8 << 20
)

// Environment is what Find sees of the machine. A nil field, so the zero
// value too, means the real thing.
type Environment struct {
	Getenv   func(string) string
	ReadFile func(path string) ([]byte, error)

	// HTTPClient makes the token requests. Redirects are not followed: they
	// would carry a secret to a place that the credential does not name.
	HTTPClient *http.Client

	// Metadata gets a value below computeMetadata/v1/ from the metadata
	// server of Compute Engine, or any error where there is none.
	Metadata func(ctx context.Context, path string) ([]byte, error)
}

func (e Environment) withDefaults() Environment {
	if e.Getenv == nil {
		e.Getenv = os.Getenv
	}
	if e.ReadFile == nil {
		e.ReadFile = readFile
	}
	if e.HTTPClient == nil {
		e.HTTPClient = http.DefaultClient
	}
	if e.Metadata == nil {
		e.Metadata = metadataServer{metadataHost(e.Getenv)}.get
	}
	return e
}

// Find returns the credential to use. It opens files and, only where there is
// none, asks the metadata server; it requests no token. ctx bounds it.
//
// The error is a *FileError if the first credential found is of no use, a
// *NotFoundError if there is none, or the error of ctx.
func Find(ctx context.Context, env Environment) (*Source, error) {
	env = env.withDefaults()
	var looked []string

	if value := strings.TrimSpace(env.Getenv(envToken)); value != "" {
		if !isToken(value) {
			return nil, &FileError{Variable: envToken, Err: ErrMalformed}
		}
		return newSource(rawToken{value}), nil
	}
	looked = append(looked, envToken)

	if path := env.Getenv(envFile); path != "" {
		f, err := openFile(env, path, envFile)
		if err != nil {
			return nil, err
		}
		return newSource(f), nil
	}
	looked = append(looked, envFile)

	if dir := configDir(env.Getenv, runtime.GOOS); dir != "" {
		path := filepath.Join(dir, adcName)
		f, err := openFile(env, path, "")
		if err == nil {
			return newSource(f), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		looked = append(looked, path)
	}

	if !isFalse(env.Getenv(envCheckGCE)) {
		vm, err := findVM(ctx, env)
		if err == nil {
			return newSource(vm), nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		where := originMetadata
		if status := metadataStatus(0); errors.As(err, &status) {
			where += " (no service account: " + status.Error() + ")"
		}
		looked = append(looked, where)
	}
	return nil, &NotFoundError{Looked: looked}
}

// configDir is where gcloud keeps its files, "" if that cannot be known.
func configDir(getenv func(string) string, goos string) string {
	if dir := getenv(envConfig); dir != "" {
		return dir
	}
	if goos == "windows" {
		if dir := getenv("APPDATA"); dir != "" {
			return filepath.Join(dir, "gcloud")
		}
		return ""
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "gcloud")
	}
	return ""
}

// isFalse reads a gcloud property that is true unless it says otherwise.
func isFalse(value string) bool {
	switch strings.ToLower(value) {
	case "false", "0", "no", "off":
		return true
	}
	return false
}

// isToken reports whether s can stand in an Authorization header: the b64token
// of RFC 6750 section 2.1, taken generously.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}

// readFile is os.ReadFile for files that may be anything, /dev/zero included.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errTooLarge}
	}
	return b, nil
}

// rawToken is an access token that somebody else got and that only they can
// renew: fetching it again yields the same.
type rawToken struct{ value string }

func (r rawToken) fetch(context.Context) (accessToken, error) {
	return accessToken{value: r.value}, nil
}

func (r rawToken) principal() string { return "" }
func (r rawToken) origin() string    { return envToken }
func (r rawToken) signIn() string    { return (&RefusedError{Origin: envToken}).Advice() }
