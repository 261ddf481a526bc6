// Package creds says where an access token comes from and when it is renewed.
//
// [Find] looks for a credential, first found first served:
//
//  1. CLOUDSDK_AUTH_ACCESS_TOKEN, a bare token that cannot be renewed; then
//     gcloud's properties auth/access_token_file, auth/credential_file_override
//  2. the account that was named: its gcloud login, or whatever else is found
//     to be that account's; nothing below is looked at
//  3. the file that GOOGLE_APPLICATION_CREDENTIALS names
//  4. application_default_credentials.json in gcloud's configuration directory
//  5. gcloud's active account
//  6. the service account of the VM, from the metadata server
//
// Around any of these may stand service accounts to impersonate.
//
// The [Source] it returns hands out tokens: a cached one while it has more
// than five minutes to live, else a fresh one that concurrent callers share;
// so do concurrent processes, if there is a [Store]. A token that was refused
// is handed back to [Source.Token] and dropped.
//
// What can go wrong has a type each: [NotFoundError], [FileError],
// [RefreshError], [RefusedError], [RootsError]. Their texts hold no secret.
//
//   - find.go: the order above
//   - file.go: credential files; account.go: gcloud's logins; gcloud.go: gcloud
//     itself, asked for a token; token.go: bare tokens; metadata.go: the metadata
//     server; impersonate.go: service accounts to act as
//   - errors.go: what can go wrong; here.go: what the VM that we run on tells of itself
//   - source.go: caching and renewal; await.go: waiting until somebody signs in;
//     other.go: who else might have been meant
//   - exchange.go: what is learnt from the HTTP traffic of
//     golang.org/x/oauth2/google, which has its only door here
//   - roots.go: whose certificates are believed; clientcert.go: which of our own
//     is shown, mtls.go: at which hosts
package creds

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	scope = "https://www.googleapis.com/auth/cloud-platform"

	envToken    = "CLOUDSDK_AUTH_ACCESS_TOKEN"
	envFile     = "GOOGLE_APPLICATION_CREDENTIALS"
	envQuota    = "GOOGLE_CLOUD_QUOTA_PROJECT"
	envCheckGCE = "CLOUDSDK_CORE_CHECK_GCE_METADATA"

	// What names gcloud's properties in messages.
	propertyTokenFile = "auth/access_token_file"
	propertyFile      = "auth/credential_file_override"

	adcName = "application_default_credentials.json"

	// Far above any credential file or CA bundle.
	maxFile = 8 << 20
)

// Wish says whom to be, as far as that was said by flags, keywords, the
// environment or gcloud's configuration. The zero value leaves it to what is found.
type Wish struct {
	Dir           string // gcloud's configuration directory; "": none
	Configuration string // name of the configuration in force; "": gcloud's own choice
	Account       string // gcloud's account in force; may be empty
	// Named says that the account, or the configuration that has it, was asked
	// for by name: then no other will do.
	Named bool
	// TokenFile holds an access token, CredentialFile a credential, that replace
	// all others: gcloud's properties auth/access_token_file and
	// auth/credential_file_override.
	TokenFile, CredentialFile string
	// QuotaProject is whose quota API calls are counted on; "": what the credential
	// or GOOGLE_CLOUD_QUOTA_PROJECT says.
	QuotaProject string
	// Impersonate lists service accounts: the last is who to be, those before it
	// delegate to the next.
	Impersonate []string
}

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

	// LookPath finds a program, and Run runs it with nothing on its standard
	// input and gives its standard output; an error holds a line of what it said.
	LookPath func(name string) (path string, err error)
	Run      func(ctx context.Context, path string, args ...string) ([]byte, error)

	// Header goes with requests to APIs, not with those to token endpoints.
	Header http.Header
	// IAMCredentials is the base URL of the API that impersonates; "": Google's.
	IAMCredentials string

	// Store gives the keeper of an identity's tokens. Nil, and a nil Store: none.
	Store func(Identity) Store
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
	if e.LookPath == nil {
		e.LookPath = exec.LookPath
	}
	if e.Run == nil {
		e.Run = run
	}
	if e.Store == nil {
		e.Store = func(Identity) Store { return nil }
	}
	return e
}

// place is one that is looked at for a credential.
type place struct {
	name   string // for NotFoundError.Looked
	beaten string // what selects the places below this one, if it has a credential; "" if naming an account does
	open   func(context.Context) (credential, error)
}

// errAbsent says that a place has no credential, and the next is looked at.
type errAbsent struct{ why string }

func (e errAbsent) Error() string { return e.why }

// Find returns the credential to use. It opens files and, only where there is
// none, asks the metadata server; it requests no token. ctx bounds it, also
// where a file is a pipe into which nobody writes: its reader is left behind.
//
// The error is a *FileError if the first credential found is of no use, a
// *NotFoundError if there is none, or the error of ctx.
func Find(ctx context.Context, env Environment, wish Wish) (*Source, error) {
	s := &search{env: env.withDefaults(), wish: wish, done: make(chan struct{})}
	go s.run(ctx)
	select {
	case <-s.done:
		return s.source, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// search is one for the credential to use. Its result may be read after done.
type search struct {
	env    Environment
	wish   Wish
	done   chan struct{}
	source *Source
	err    error
}

func (s *search) run(ctx context.Context) {
	defer close(s.done)
	s.source, s.err = s.env.find(ctx, s.wish)
}

func (e Environment) find(ctx context.Context, wish Wish) (*Source, error) {
	var looked []string
	for _, p := range e.places(wish) {
		c, err := p.open(ctx)
		var absent errAbsent
		switch {
		case err == nil:
			s := newSource(c, e.Store)
			s.way, s.others = p.beaten, e.onDisk(wish)
			s.quota = cmp.Or(wish.QuotaProject, e.Getenv(envQuota), quotaOf(c))
			return e.impersonating(s, wish.Impersonate), nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !errors.As(err, &absent):
			return nil, err
		case absent.why != "":
			looked = append(looked, p.name+" ("+absent.why+")")
		default:
			looked = append(looked, p.name)
		}
	}
	missing := &NotFoundError{Looked: looked}
	if wish.Named {
		missing.Account = wish.Account
	}
	return nil, missing
}

// places is the order of the package comment.
func (e Environment) places(wish Wish) []place {
	all := []place{{
		name: envToken, beaten: "unset " + envToken,
		open: func(context.Context) (credential, error) { return openToken(e.Getenv(envToken)) },
	}}
	if wish.TokenFile != "" {
		all = append(all, place{
			name: wish.TokenFile, beaten: "unset gcloud's " + propertyTokenFile,
			open: func(context.Context) (credential, error) { return openTokenFile(e, wish.TokenFile) },
		})
	}
	if wish.CredentialFile != "" {
		all = append(all, place{
			name: wish.CredentialFile, beaten: "unset gcloud's " + propertyFile,
			open: func(context.Context) (credential, error) {
				return found(openFile(e, wish.CredentialFile, propertyFile))
			},
		})
	}
	if wish.Account != "" && wish.Named {
		return append(all, e.ofAccount(wish)...)
	}
	all = append(all, e.onDisk(wish)...)
	return append(all, e.metadata())
}

// onDisk are the places that the user may have filled and forgotten.
func (e Environment) onDisk(wish Wish) []place {
	all := []place{e.named(), e.applicationDefault(wish.Dir)}
	if wish.Account != "" {
		all = append(all, e.login(wish))
	}
	return all
}

// named is the file of GOOGLE_APPLICATION_CREDENTIALS.
func (e Environment) named() place {
	return place{name: envFile, open: func(context.Context) (credential, error) {
		path := e.Getenv(envFile)
		if path == "" {
			return nil, errAbsent{}
		}
		return found(openFile(e, path, envFile))
	}}
}

func (e Environment) applicationDefault(dir string) place {
	path := filepath.Join(dir, adcName)
	return place{name: path, open: func(context.Context) (credential, error) {
		if dir == "" {
			return nil, errAbsent{"gcloud's directory is not known"}
		}
		f, err := openFile(e, path, "")
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errAbsent{}
		}
		return found(f, err)
	}}
}

func (e Environment) metadata() place {
	return place{name: originMetadata, open: func(ctx context.Context) (credential, error) {
		if isFalse(e.Getenv(envCheckGCE)) {
			return nil, errAbsent{"not to be asked, says " + envCheckGCE}
		}
		vm, err := findVM(ctx, e)
		if status := metadataStatus(0); errors.As(err, &status) {
			return nil, errAbsent{"no service account: " + status.Error()}
		}
		if err != nil {
			return nil, errAbsent{}
		}
		return vm, nil
	}}
}

// found keeps a nil *file from being a credential.
func found(f *file, err error) (credential, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// isFalse reads a gcloud property that is true unless it says otherwise.
func isFalse(value string) bool {
	switch strings.ToLower(value) {
	case "false", "0", "no", "off":
		return true
	}
	return false
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
