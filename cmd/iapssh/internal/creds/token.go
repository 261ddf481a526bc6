package creds

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// rawToken is an access token that somebody else got and that only they can
// renew: fetching it again yields the same.
type rawToken struct{ value string }

// openToken reads the variable's value.
func openToken(value string) (credential, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil, errAbsent{}
	}
	if !isToken(value) {
		return nil, &FileError{Variable: envToken, Err: ErrMalformed}
	}
	return rawToken{value}, nil
}

func (r rawToken) fetch(context.Context) (accessToken, error) {
	return accessToken{value: r.value}, nil
}

func (r rawToken) principal() string   { return "" }
func (r rawToken) origin() string      { return envToken }
func (r rawToken) signIn() string      { return (&RefusedError{Origin: envToken}).Advice() }
func (r rawToken) fingerprint() string { return digest(r.value) }
func (r rawToken) keeps() bool         { return false }

// tokenFile is a file with such a token, which others may replace.
type tokenFile struct {
	env  Environment
	path string
}

func openTokenFile(env Environment, path string) (credential, error) {
	t := tokenFile{env, path}
	_, err := t.read()
	return t, err
}

func (t tokenFile) read() (string, error) {
	text, err := t.env.ReadFile(t.path)
	if err != nil {
		return "", &FileError{Path: t.path, Variable: propertyTokenFile, Err: err}
	}
	value := strings.TrimSpace(string(text))
	if !isToken(value) {
		return "", &FileError{Path: t.path, Variable: propertyTokenFile, Err: fmt.Errorf("%w: not an access token", ErrMalformed)}
	}
	return value, nil
}

func (t tokenFile) fetch(context.Context) (accessToken, error) {
	value, err := t.read()
	return accessToken{value: value}, err
}

func (t tokenFile) principal() string { return "" }
func (t tokenFile) origin() string    { return originOf(t.path, propertyTokenFile) }
func (t tokenFile) signIn() string    { return "" }
func (t tokenFile) keeps() bool       { return false }

func (t tokenFile) fingerprint() string {
	value, err := t.read()
	if err != nil {
		return errorDigest(err)
	}
	return digest(value)
}

// errorDigest is the fingerprint of a file that is not there or of no use.
func errorDigest(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	}
	return "unusable"
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
