package vm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/sshclient"
)

const (
	keyKind = "key"
	keyLife = 30 * 24 * time.Hour
)

// LastKey is the public key that the plan's target accepted last, "TYPE BASE64"; empty if none is remembered.
func (c *Cloud) LastKey(ctx context.Context, plan config.Plan) string {
	key := ""
	if !c.shelf(ctx).Get(keyKind, targetName(plan.IAP), &key) {
		return ""
	}
	return key
}

// KeepKey remembers the key that was accepted.
func (c *Cloud) KeepKey(ctx context.Context, plan config.Plan, key string) {
	c.shelf(ctx).Put(keyKind, targetName(plan.IAP), key, keyLife)
}

// extend gives the plan's key in the OS Login profile its whole life again when less than half is left of it, if it was we who put
// it there; and says for how long there is no need to look at it. The profile is kept true.
func (c *Cloud) extend(ctx context.Context, plan config.Plan, profile gce.Profile, now time.Time) time.Duration {
	half := plan.KeyLifetime / 2
	fingerprint, entry, ok := profile.Find(sshclient.PublicHalf(plan.KeyFile))
	left := entry.Expires.Sub(now)
	switch {
	case !ok || !isOurs(entry) || left <= 0 || plan.PushKey == "no":
		return factsLife
	case left > half:
		return left - half
	}
	if err := c.API.ExtendKey(ctx, c.Account(ctx), fingerprint, now.Add(plan.KeyLifetime)); err != nil {
		c.Debug("the key in the OS Login profile stays as it is: %v", err)
		return deniedLife
	}
	entry.Expires = now.Add(plan.KeyLifetime)
	profile.Keys[fingerprint] = entry
	c.Debug("the key in the OS Login profile is good until %s", entry.Expires.Format(time.DateTime))
	return half
}

// usable says why nobody could log in with the key in a file though a VM were given it; nil if it is to be made.
func usable(file string) error {
	if sshclient.PublicHalf(file) == "" {
		return nil
	}
	if err := sshclient.CheckKeyFile(file); err != nil {
		return fmt.Errorf("%s cannot be used: %w; name another key: --ssh-key-file=FILE", file, err)
	}
	return nil
}

// MakeKey gives the public half of the plan's key, which is made if there is none.
func (c *Cloud) MakeKey(plan config.Plan) (string, error) {
	if key := sshclient.PublicHalf(plan.KeyFile); key != "" {
		return key, nil
	}
	c.Say("Making an SSH key: " + plan.KeyFile)
	err := sshclient.NewKeyFile(plan.KeyFile, keyComment())
	key := sshclient.PublicHalf(plan.KeyFile) // or another process was faster
	if key == "" && errors.Is(err, fs.ErrExist) && plan.OverwriteKey {
		c.Say("It is there and cannot be read: it is replaced")
		if err = os.Remove(plan.KeyFile); err == nil {
			err = sshclient.NewKeyFile(plan.KeyFile, keyComment())
		}
		key = sshclient.PublicHalf(plan.KeyFile)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("no SSH key could be made: %w", err)
	}
	if key == "" {
		return "", fmt.Errorf("%s is no SSH key that can be read; name another: --ssh-key-file=FILE, or have it replaced: --force-key-file-overwrite", plan.KeyFile)
	}
	return key, nil
}

// keyComment is what ssh-keygen would write: USER@HOST.
func keyComment() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	user := os.Getenv("USER")
	if user == "" {
		user = comment
	}
	return user + "@" + host
}
