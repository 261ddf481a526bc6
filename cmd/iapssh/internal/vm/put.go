package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

const (
	// comment marks our keys in a login profile, where many programs leave theirs.
	comment = "iapssh"
	// maxPruned bounds how many of our expired keys are deleted at a time.
	maxPruned = 20
)

// put puts the key where the action says.
func (p *Pusher) put(ctx context.Context, action Action, key string, expired []string) error {
	if action == ActLogin {
		return p.intoProfile(ctx, key, expired)
	}
	add := func(m gce.Metadata) (gce.Metadata, bool, error) {
		item := "ssh-keys"
		if _, legacy := m.Get("sshKeys"); legacy && action == ActInstance {
			item = "sshKeys" // it shadows the other
		}
		value, _ := m.Get(item)
		value, err := gce.AddKey(value, p.plan.User, key, p.expiry(), p.now())
		return m.With(item, value), err == nil, err
	}
	ref, where := refOf(p.plan), "VM "+p.plan.IAP.Instance
	var err error
	if action == ActProject {
		where = "project " + ref.Project
		err = p.cloud.API.ChangeProject(ctx, ref.Project, add)
	} else {
		err = p.cloud.API.ChangeInstance(ctx, ref, add)
	}
	if errors.Is(err, gce.ErrMetadataFull) {
		return fmt.Errorf("the key could not be put into the metadata of %s: %w. Take out what nobody needs, of: %s; or let OS Login manage them "+
			"(metadata enable-oslogin=TRUE)", where, err, metadataList(action, ref))
	}
	if err != nil {
		return fmt.Errorf("the key could not be put into the metadata of %s: %w", where, err)
	}
	p.cloud.Say(fmt.Sprintf("Put the key of %s into the metadata of %s, for %s until %s.", p.plan.KeyFile, where, p.plan.User, p.expiry().Format(time.DateTime)))
	return nil
}

// metadataList is the command that lists the keys which an action adds to.
func metadataList(action Action, ref gce.Ref) string {
	if action == ActProject {
		return fmt.Sprintf("gcloud compute project-info describe --project=%s --format='value(commonInstanceMetadata.items)'", ref.Project)
	}
	return fmt.Sprintf("gcloud compute instances describe %s --zone=%s --project=%s --format='value(metadata.items)'", ref.Name, ref.Zone, ref.Project)
}

// intoProfile imports the key into the account's OS Login profile, having made room.
func (p *Pusher) intoProfile(ctx context.Context, key string, expired []string) error {
	email, ref := p.cloud.Account(ctx), refOf(p.plan)
	for _, fingerprint := range expired {
		if err := p.cloud.API.DeleteKey(ctx, email, fingerprint); err != nil {
			p.cloud.Debug("an expired key stays: %v", err)
			break
		}
	}
	after, err := p.cloud.API.ImportKey(ctx, email, ref.Project, ref.Region(), key+" "+comment, p.expiry())
	var refused *gce.Error
	if errors.As(err, &refused) && strings.Contains(refused.Message, "32 KiB") {
		return fmt.Errorf("the OS Login profile of %s is full: %s See: gcloud compute os-login ssh-keys list", email, refused.Message)
	}
	if err != nil {
		return fmt.Errorf("the key could not be added to the OS Login profile of %s: %w", email, err)
	}
	p.user = LoginOf(p.plan, email, Facts{OSLogin: true, LoginUsers: loginUsers(after)}).User
	p.cloud.Debug("the key is in the OS Login profile of %s until %s", email, p.expiry().Format(time.DateTime))
	return nil
}

// expiredOnes are the keys of ours that only take up room.
func expiredOnes(profile gce.Profile, now time.Time) (fingerprints []string) {
	for fingerprint, entry := range profile.Keys {
		if isOurs(entry) && now.After(entry.Expires) && len(fingerprints) < maxPruned {
			fingerprints = append(fingerprints, fingerprint)
		}
	}
	return fingerprints
}

// isOurs says that we have put a key into the profile, for a time.
func isOurs(entry gce.ProfileKey) bool {
	return strings.HasSuffix(entry.Line, " "+comment) && !entry.Expires.IsZero()
}
