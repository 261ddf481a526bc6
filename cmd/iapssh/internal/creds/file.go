package creds

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// The types of credential files that are believed.
const (
	typeUser           = string(google.AuthorizedUser)
	typeServiceAccount = string(google.ServiceAccount)
	typeExternal       = string(google.ExternalAccount)
	typeExternalUser   = string(google.ExternalAccountAuthorizedUser)
	typeImpersonated   = string(google.ImpersonatedServiceAccount)
)

// file is a credential file. It does not change.
type file struct {
	env      Environment
	path     string
	variable string // that named path, or ""
	account  string // whose login with gcloud it is, or ""
	json     []byte
	fields   fields
}

// fields are what we read of a credential file ourselves; the rest is the
// library's. Names as in the file.
type fields struct {
	Type             string          `json:"type"`
	Account          string          `json:"account"`
	QuotaProject     string          `json:"quota_project_id"`
	ClientEmail      string          `json:"client_email"`
	ClientSecret     string          `json:"client_secret"`
	RefreshToken     string          `json:"refresh_token"`
	PrivateKey       string          `json:"private_key"`
	ImpersonationURL string          `json:"service_account_impersonation_url"`
	Source           *fields         `json:"source_credentials"`
	Installed        json.RawMessage `json:"installed"`
	Web              json.RawMessage `json:"web"`
	CredentialSource struct {
		Executable *struct {
			Command string `json:"command"`
		} `json:"executable"`
	} `json:"credential_source"`
}

// openFile reads and vets a credential file. The error is a *FileError.
func openFile(env Environment, path, variable string) (*file, error) {
	return openLogin(env, path, variable, "")
}

// openLogin is openFile for the file of a login with gcloud, if account is not "".
func openLogin(env Environment, path, variable, account string) (*file, error) {
	f := &file{env: env, path: path, variable: variable, account: account}
	var err error
	if f.json, err = env.ReadFile(path); err != nil {
		return nil, f.unusable(err)
	}
	if err := json.Unmarshal(f.json, &f.fields); err != nil {
		return nil, f.unusable(fmt.Errorf("%w: not the JSON of a credential", ErrMalformed))
	}
	if err := f.fields.vet(typeUser, typeServiceAccount, typeExternal, typeExternalUser, typeImpersonated); err != nil {
		return nil, f.unusable(err)
	}
	return f, nil
}

// vet lets through what the library can take: a type on the list, for which
// the library makes no check inside an impersonation, and nothing that makes
// it panic.
func (f *fields) vet(types ...string) error {
	if f.Installed != nil || f.Web != nil {
		// The library would start a sign-in in a browser with it, whatever
		// its type says.
		return fmt.Errorf("%w: an OAuth client, not a credential", ErrUnsupported)
	}
	if f.Type == "" {
		return fmt.Errorf("%w: no type", ErrMalformed)
	}
	if !slices.Contains(types, f.Type) {
		return fmt.Errorf("%w: %.40q", ErrUnsupported, f.Type)
	}
	if x := f.CredentialSource.Executable; x != nil && strings.TrimSpace(x.Command) == "" {
		return fmt.Errorf("%w: an executable without a name", ErrMalformed)
	}
	switch {
	case f.Type == typeUser && f.RefreshToken == "":
		return fmt.Errorf("%w: no refresh_token", ErrMalformed)
	case f.Type == typeServiceAccount && (f.ClientEmail == "" || f.PrivateKey == ""):
		return fmt.Errorf("%w: no client_email or no private_key", ErrMalformed)
	case f.Type == typeImpersonated && f.Source == nil:
		return fmt.Errorf("%w: no source_credentials", ErrMalformed)
	case f.Type == typeImpersonated:
		return f.Source.vet(typeUser, typeServiceAccount, typeExternal, typeExternalUser)
	}
	return nil
}

func (f *file) origin() string { return originOf(f.path, f.variable) }

func (f *file) fingerprint() string { return digest(string(f.reread().json)) }
func (f *file) keeps() bool         { return true }

func (f *file) signIn() string {
	switch f.fields.Type {
	case typeUser, typeExternalUser:
		return signInTo(f.variable, f.account)
	}
	return ""
}

func (f *file) principal() string {
	if f.account != "" {
		return f.account
	}
	if f.fields.ImpersonationURL != "" {
		return impersonated(f.fields.ImpersonationURL)
	}
	if f.fields.ClientEmail != "" {
		return f.fields.ClientEmail
	}
	return f.fields.Account
}

// quotaOf is the project that a credential's file names for its quota.
func quotaOf(c credential) string {
	switch c := c.(type) {
	case *file:
		return c.fields.QuotaProject
	case *account:
		return c.fields.QuotaProject
	}
	return ""
}

// impersonated returns the e-mail in the URL of a generateAccessToken call.
func impersonated(url string) string {
	_, name, ok := strings.Cut(url, "/serviceAccounts/")
	email, _, ok2 := strings.Cut(name, ":generateAccessToken")
	if !ok || !ok2 {
		return ""
	}
	return email
}

// fetch asks for a token with a token source made for this one time: those of
// the library cache, and are bound to the context they were made with.
func (f *file) fetch(ctx context.Context) (accessToken, error) {
	f = f.reread()
	x := newExchange(ctx, f.env.HTTPClient, f.fields.secrets())
	token, err := f.token(x.context())
	if err == nil && !isToken(token.AccessToken) {
		err = fmt.Errorf("%w: no access token in the answer", ErrMalformed)
	}
	if err != nil {
		return accessToken{}, f.failure(x, err)
	}
	return accessToken{value: token.AccessToken, expiry: token.Expiry}, nil
}

func (f *file) token(ctx context.Context) (*oauth2.Token, error) {
	c, err := google.CredentialsFromJSONWithType(ctx, f.json, google.CredentialsType(f.fields.Type), scope)
	if err != nil {
		return nil, err
	}
	return c.TokenSource.Token()
}

// reread returns gcloud's file as it is now, so that a long-lived process
// notices that its user has signed in again. A file that a variable names may
// be a pipe, which can be read only once.
func (f *file) reread() *file {
	if f.variable != "" {
		return f
	}
	if now, err := openLogin(f.env, f.path, f.variable, f.account); err == nil {
		return now
	}
	return f
}

// failure makes a typed error of what the library and the exchange say. What
// failed without any traffic is the fault of the file.
func (f *file) failure(x *exchange, err error) error {
	e := &RefreshError{
		Origin:    f.origin(),
		Variable:  f.variable,
		Login:     f.account,
		Principal: f.principal(),
		Type:      f.fields.Type,
		Status:    x.status,
		Code:      x.code,
		Reauth:    x.code == "invalid_grant" && (x.subtype == "invalid_rapt" || x.subtype == "rapt_required"),
	}
	switch {
	case x.ctx.Err() != nil:
		e.Err = x.ctx.Err()
	case x.err != nil:
		e.Err = x.secrets.clean(x.err)
	case x.code != "" || x.status >= 300:
	case x.status == 0:
		return f.unusable(x.secrets.clean(firstLine(err)))
	default:
		e.Err = x.secrets.clean(firstLine(err))
	}
	return e
}

func (f *file) unusable(err error) *FileError {
	return &FileError{Path: f.path, Variable: f.variable, Login: f.account, Type: f.fields.Type, Err: err}
}
