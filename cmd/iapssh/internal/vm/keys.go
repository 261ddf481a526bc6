package vm

import (
	"context"
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
