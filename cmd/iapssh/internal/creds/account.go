package creds

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

const (
	// gcloud writes a credential file for each of its logins, beside its
	// database, which is not ours to read:
	// DIR/legacy_credentials/ACCOUNT/adc.json.
	legacyDir  = "legacy_credentials"
	legacyName = "adc.json"

	databaseName = "credentials.db"

	serviceAccountDomain = ".gserviceaccount.com"
)

// login is gcloud's of the account.
func (e Environment) login(wish Wish) place {
	return place{name: "gcloud's login of " + wish.Account, open: func(context.Context) (credential, error) {
		return e.openAccount(wish)
	}}
}

// ofAccount are the places where the credential of an account that was asked for
// by name may be: all of them.
func (e Environment) ofAccount(wish Wish) []place {
	return []place{
		e.login(wish),
		e.named().ifOf(wish.Account),
		e.applicationDefault(wish.Dir).ifOf(wish.Account),
		e.serviceAccountHere(wish.Account),
		{name: "gcloud", open: func(context.Context) (credential, error) { return e.openGCloud(wish) }},
	}
}

// serviceAccountHere is the VM's, if account can be its name: others need not be
// waited for where there is no metadata server.
func (e Environment) serviceAccountHere(account string) place {
	if !strings.HasSuffix(account, serviceAccountDomain) {
		return place{name: originMetadata, open: func(context.Context) (credential, error) { return nil, errAbsent{"no user has it"} }}
	}
	return e.metadata().ifOf(account)
}

// ifOf is a place that counts only if its credential is the account's.
func (p place) ifOf(account string) place {
	open := p.open
	p.open = func(ctx context.Context) (credential, error) {
		c, err := open(ctx)
		if absent := (errAbsent{}); errors.As(err, &absent) {
			return nil, err
		}
		if err != nil || c.principal() != account {
			return nil, errAbsent{"of another account"}
		}
		return c, nil
	}
	return p
}

// openAccount opens a login. Without its credential file, as with accounts that
// gcloud writes none for, gcloud itself is asked if it knows anybody.
func (e Environment) openAccount(wish Wish) (credential, error) {
	path, ok := legacyPath(wish.Dir, wish.Account)
	if !ok {
		return nil, errAbsent{}
	}
	f, err := openLogin(e, path, "", wish.Account)
	switch {
	case err == nil:
		return &account{file: f, gcloud: gcloud{env: e, wish: wish}}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if _, err := e.ReadFile(filepath.Join(wish.Dir, databaseName)); err != nil {
		return nil, errAbsent{}
	}
	return e.openGCloud(wish)
}

// legacyPath is where a login's file is. An account is not to lead elsewhere.
func legacyPath(dir, account string) (string, bool) {
	name := strings.ReplaceAll(account, ":", "") // by gcloud: principals of a workforce have one
	if dir == "" || account == "" || !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
		return "", false
	}
	return filepath.Join(dir, legacyDir, name, legacyName), true
}

// account is a login of gcloud's that has a credential file. It does not change.
type account struct {
	*file
	gcloud gcloud
}

// fetch uses the file. Where the organisation wants more than that, gcloud may
// have it: it keeps what came of the user's last proof of identity.
func (a *account) fetch(ctx context.Context) (accessToken, error) {
	token, err := a.file.fetch(ctx)
	if refresh := (*RefreshError)(nil); !errors.As(err, &refresh) || !refresh.Reauth {
		return token, err
	}
	if token, askErr := a.gcloud.fetch(ctx); askErr == nil {
		return token, nil
	}
	return accessToken{}, err
}
