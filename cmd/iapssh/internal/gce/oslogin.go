package gce

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Profile is an account's OS Login profile in a project.
type Profile struct {
	Accounts []PosixAccount
	Keys     map[string]ProfileKey // by fingerprint: SHA-256 of the line, in hex
}

// PosixAccount is a user that the account may be.
type PosixAccount struct {
	Username            string
	Primary             bool
	OperatingSystemType string // "LINUX", "WINDOWS" or empty
}

// ProfileKey is a public key of the account. Expires is zero if it never does.
type ProfileKey struct {
	Line    string // "TYPE BASE64 COMMENT"
	Expires time.Time
}

// profileAnswer is the resource as the API gives it.
type profileAnswer struct {
	PosixAccounts []PosixAccount
	SSHPublicKeys map[string]struct {
		Key                string
		ExpirationTimeUsec string
	}
}

func (a profileAnswer) profile() Profile {
	p := Profile{Accounts: a.PosixAccounts, Keys: map[string]ProfileKey{}}
	for fingerprint, key := range a.SSHPublicKeys {
		k := ProfileKey{Line: key.Key}
		if usec, err := strconv.ParseInt(key.ExpirationTimeUsec, 10, 64); err == nil && usec > 0 {
			k.Expires = time.UnixMicro(usec)
		}
		p.Keys[fingerprint] = k
	}
	return p
}

// User picks the login name: the requested one if it is the account's, else the primary one, else the first. It is empty if the
// account has none.
func (p Profile) User(requested string) string {
	primary := ""
	for _, account := range p.Accounts {
		switch {
		case account.OperatingSystemType == "WINDOWS":
		case account.Username == requested:
			return requested
		case account.Primary || primary == "":
			primary = account.Username
		}
	}
	return primary
}

// Find returns the entry of a public key, given as "TYPE BASE64" with or without a comment.
func (p Profile) Find(key string) (fingerprint string, entry ProfileKey, ok bool) {
	for fingerprint, entry := range p.Keys {
		if sameKey(entry.Line, key) {
			return fingerprint, entry, true
		}
	}
	return "", ProfileKey{}, false
}

// sameKey compares type and key of two authorized_keys lines.
func sameKey(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return len(x) >= 2 && len(y) >= 2 && x[0] == y[0] && x[1] == y[1]
}

// LoginProfile reads the account's profile; email is the caller's own.
func (c *Client) LoginProfile(ctx context.Context, email, project string) (Profile, error) {
	var answer profileAnswer
	r := request{name: "oslogin.users.getLoginProfile", method: http.MethodGet,
		url: c.osLogin("v1", "users", email, "loginProfile") + "?projectId=" + url.QueryEscape(project)}
	err := c.do(ctx, r, &answer)
	return answer.profile(), err
}

// ImportKey adds a public key to the account's profile and gives back the profile; a key that is there gets the new expiry.
// region is where it is wanted first.
func (c *Client) ImportKey(ctx context.Context, email, project, region, key string, expires time.Time) (Profile, error) {
	query := url.Values{"projectId": {project}}
	if region != "" {
		query.Set("regions", region)
	}
	var answer struct {
		LoginProfile profileAnswer
		Details      string
	}
	r := request{name: "oslogin.users.importSshPublicKey", method: http.MethodPost,
		url:  c.osLogin("v1", "users", email, ":importSshPublicKey") + "?" + query.Encode(),
		body: map[string]string{"key": key, "expirationTimeUsec": microseconds(expires)}}
	err := c.do(ctx, r, &answer)
	return answer.LoginProfile.profile(), err
}

// ExtendKey changes when a key of the profile expires.
func (c *Client) ExtendKey(ctx context.Context, email, fingerprint string, expires time.Time) error {
	return c.do(ctx, request{name: "oslogin.users.sshPublicKeys.patch", method: http.MethodPatch,
		url:  c.osLogin("v1", "users", email, "sshPublicKeys", fingerprint) + "?updateMask=expirationTimeUsec",
		body: map[string]string{"expirationTimeUsec": microseconds(expires)}}, nil)
}

// DeleteKey takes a key off the profile. That it is gone already is no error.
func (c *Client) DeleteKey(ctx context.Context, email, fingerprint string) error {
	err := c.do(ctx, request{name: "oslogin.users.sshPublicKeys.delete", method: http.MethodDelete,
		url: c.osLogin("v1", "users", email, "sshPublicKeys", fingerprint)}, nil)
	if IsNotFound(err) {
		return nil
	}
	return err
}

// SignKey has a certificate made for a public key, good for one VM; it returns the certificate's line. An account that has no
// POSIX account yet gets one.
func (c *Client) SignKey(ctx context.Context, email string, vm Instance, key string) (string, error) {
	account := ""
	if len(vm.ServiceAccounts) > 0 {
		account = vm.ServiceAccounts[0]
	}
	return c.sign(ctx, signing{
		version: "v1", email: email, project: vm.Project, region: vm.Region(),
		body: map[string]string{
			"sshPublicKey":    key,
			"serviceAccount":  account,
			"computeInstance": fmt.Sprintf("projects/%s/zones/%s/instances/%s", vm.Project, vm.Zone, vm.ID),
		},
	})
}

// signing is what OS Login is asked for. version is the API's.
type signing struct {
	version, email, project, region string
	body                            map[string]string
}

func (c *Client) sign(ctx context.Context, s signing) (string, error) {
	sign := request{name: "oslogin.projects.locations.signSshPublicKey", method: http.MethodPost,
		url: c.osLogin(s.version, "projects", s.project, "locations", s.region, ":signSshPublicKey"), body: s.body}
	var answer struct{ SignedSSHPublicKey string }
	err := c.do(ctx, sign, &answer)
	if IsNotFound(err) {
		provision := request{name: "oslogin.users.projects.provisionPosixAccount", method: http.MethodPost,
			url: c.osLogin(s.version, "users", s.email, "projects", s.project), body: map[string][]string{"regions": {s.region}}}
		if err := c.do(ctx, provision, nil); err != nil {
			return "", err
		}
		err = c.do(ctx, sign, &answer)
	}
	return strings.TrimSpace(answer.SignedSSHPublicKey), err
}

func microseconds(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
