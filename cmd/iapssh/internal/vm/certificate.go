package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/sshclient"
)

const (
	certificateKind = "certificate"
	// certificateMargin is what must be left of a certificate's life for it to be used.
	certificateMargin = time.Minute
)

// signed is a certificate as the cache has it.
type signed struct {
	Line string    // "TYPE BASE64"
	At   time.Time // when it was made
}

// holds says that the certificate is for a key, and for how long it may be used.
func (s signed) holds(key string) (left time.Duration, ok bool) {
	until, ok := sshclient.Certifies(s.Line, key)
	left = time.Until(until) - certificateMargin
	return left, ok && left > 0
}

var errNoCertificate = errors.New("what OS Login signed is no certificate for the key")

// certificate gives a certificate for the plan's key and target, from the cache unless it was made before since; the key is made if
// there is none. Of many processes that want the same one has it signed.
func (c *Cloud) certificate(ctx context.Context, plan config.Plan, since time.Time, sign func(ctx context.Context, key string) (string, error)) (string, error) {
	key, err := c.MakeKey(plan)
	if err != nil {
		return "", err
	}
	var kept signed
	good := func() bool {
		_, ok := kept.holds(key)
		return ok && !kept.At.Before(since)
	}
	name := targetName(plan.IAP)
	err = c.shelf(ctx).Once(ctx, certificateKind, name, &kept, good, func(ctx context.Context) (time.Duration, error) {
		line, err := sign(ctx, key)
		if err != nil {
			return 0, err
		}
		kept = signed{Line: line, At: time.Now()}
		left, ok := kept.holds(key)
		if !ok {
			return 0, errNoCertificate
		}
		c.Debug("OS Login certified %s for %s", plan.KeyFile, left+certificateMargin)
		return left, nil
	})
	if err != nil {
		c.shelf(ctx).Drop(certificateKind, name) // one that is there was refused
		return "", fmt.Errorf("OS Login does not certify the key: %w", err)
	}
	return kept.Line, nil
}

// onlyCertified says that OS Login takes nothing but certificates of an account, as gcloud has it: of one that an identity provider
// vouches for, and in other universes than Google's own.
func onlyCertified(account, universe string) bool {
	return strings.HasPrefix(account, "principal://") || universe != ""
}

// certifyFor is the signature that lets the account into a VM.
func (c *Cloud) certifyFor(instance gce.Instance) func(context.Context, string) (string, error) {
	return func(ctx context.Context, key string) (string, error) {
		return c.API.SignKey(ctx, c.Account(ctx), instance, key)
	}
}
