package vm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// reading is what the calls said.
type reading struct {
	instance gce.Instance
	project  gce.Metadata
	profile  gce.Profile
	hostKeys []string

	instanceErr, projectErr, profileErr, hostKeysErr error
}

// read makes the calls, none of which waits for another.
func (c *Cloud) read(ctx context.Context, ref gce.Ref) (r reading) {
	var calls sync.WaitGroup
	calls.Go(func() { r.hostKeys, r.hostKeysErr = c.API.HostKeys(ctx, ref) })
	calls.Go(func() { r.project, r.projectErr = c.API.Project(ctx, ref.Project) })
	calls.Go(func() { r.profile, r.profileErr = c.profile(ctx, ref.Project) })
	if c.found.Ref == ref {
		r.instance = c.found
	} else {
		calls.Go(func() { r.instance, r.instanceErr = c.API.Instance(ctx, ref) })
	}
	calls.Wait()
	return r
}

const profileCall = "oslogin.users.getLoginProfile"

var errNoAccount = errors.New("the credential does not name its account")

func (c *Cloud) profile(ctx context.Context, project string) (gce.Profile, error) {
	email := c.Account(ctx)
	if email == "" {
		return gce.Profile{}, errNoAccount
	}
	return c.API.LoginProfile(ctx, email, project)
}

// ofKey adds what is said of a key, and of others that we once put into the profile.
func (r reading) ofKey(f *Facts, key string, now time.Time) {
	f.At, f.Key, f.Expired = now, key, expiredOnes(r.profile, now)
	if f.OSLogin {
		if _, entry, ok := r.profile.Find(key); ok && (entry.Expires.IsZero() || now.Before(entry.Expires)) {
			f.KeyUsers = map[string]time.Time{}
			for _, user := range f.LoginUsers {
				f.KeyUsers[user] = entry.Expires
			}
		}
		return
	}
	f.KeyUsers = gce.UsersOf(strings.Join(gce.OnVM(r.instance.Metadata, r.project), "\n"), key, now)
}

// unsettled says that the network or the sign-in failed, not a permission; or that there is no such VM.
func (r reading) unsettled() bool {
	if gce.IsNotFound(r.instanceErr) {
		return true
	}
	return slices.ContainsFunc([]error{r.instanceErr, r.projectErr, r.profileErr, r.hostKeysErr}, func(err error) bool {
		var refused *gce.Error
		return err != nil && err != errNoAccount && !errors.As(err, &refused)
	})
}

// loginUsers lists the names that the account may have on a VM with Linux.
func loginUsers(p gce.Profile) []string {
	var users []string
	if first := p.User(""); first != "" {
		users = append(users, first)
	}
	for _, account := range p.Accounts {
		if p.User(account.Username) == account.Username && !slices.Contains(users, account.Username) {
			users = append(users, account.Username)
		}
	}
	return users
}
