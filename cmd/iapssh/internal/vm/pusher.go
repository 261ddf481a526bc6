package vm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/sshclient"
)

const (
	// MaxOffers is how many keys a VM of Google is offered in one connection: sshd gives up after six refusals, and since 9.8
	// holds against the client's address what was refused. IAP's addresses are shared.
	MaxOffers = 5

	// A key that was put on a VM is in force there after seconds, at times a minute. Tries are at least firstTry apart, each half
	// as much again as the one before; a connection that ends in refusal counts against the address for 5 seconds.
	firstTry = 5 * time.Second
	lastTry  = 20 * time.Second // they are never further apart
	maxTries = 60 * time.Second // for which they go on, where the plan has no more patience

	pushKind = "push"
)

// Pusher puts a key on a VM that has refused all others, once, and then tells when to try it. It is used by one goroutine at a
// time.
type Pusher struct {
	cloud *Cloud
	plan  config.Plan
	now   func() time.Time
	since time.Time // how old what is read of the VM may be
	// margin is for how long the key must be good; not zero where somebody else logs in, who takes no certificate from us.
	margin time.Duration

	decided bool
	pushed  time.Time // zero: no key was
	placed  bool      // the key is where the VM looks for it
	pause   time.Duration
	user    string // the login name by what the push has taught
	offer   sshclient.Identity
	problem error
}

// NewPusher is for one plan, whose VM is known.
func (c *Cloud) NewPusher(plan config.Plan) *Pusher {
	return &Pusher{cloud: c, plan: plan, now: time.Now, since: time.Now(), pause: firstTry, user: plan.User}
}

// More is for sshclient.Auth: at first it decides, and gives the key that may be accepted now; then it waits and gives it again.
func (p *Pusher) More(ctx context.Context) (sshclient.Identity, bool) {
	if p.decided {
		return p.offer, p.user == p.plan.User && p.wait(ctx)
	}
	p.decided = true
	if err := p.push(ctx); err != nil {
		p.problem = err
		return sshclient.Identity{}, false
	}
	return p.offer, p.offer.Path != "" && p.user == p.plan.User
}

// Reconnect says, when a connection has ended in refusal, whether to make another: once its time has come, for the key that was
// pushed, as the user returned.
func (p *Pusher) Reconnect(ctx context.Context) (key sshclient.Identity, user string, ok bool) {
	if !p.pushed.IsZero() && p.user != p.plan.User {
		p.plan.User = p.user
		return p.offer, p.user, true
	}
	return p.offer, p.user, p.wait(ctx)
}

// Progress says whether the VM was given the key a moment ago, and whether it is where the VM looks for keys.
func (p *Pusher) Progress() (pushed, placed bool) {
	return !p.pushed.IsZero(), p.placed || !p.pushed.IsZero()
}

// Problem says why no key was pushed, with the way out unless an API refused; nil if that is not the matter.
func (p *Pusher) Problem() error { return p.problem }

// wait sleeps until the next try, if there is one.
func (p *Pusher) wait(ctx context.Context) bool {
	if p.pushed.IsZero() || p.now().Add(p.pause).Sub(p.pushed) > max(maxTries, p.plan.Wait) {
		return false
	}
	if p.pause == firstTry {
		p.cloud.Say("Waiting for SSH key to propagate.")
	}
	select {
	case <-time.After(p.pause):
	case <-ctx.Done():
		return false
	}
	p.pause = min(p.pause+p.pause/2, lastTry)
	return true
}

// refusal is a push that the table does not allow, or the user.
type refusal string

func (r refusal) Error() string { return string(r) }

const noCertificate refusal = "OS Login takes certificates only there, and no other ssh can be handed one on its way; connect with iapssh itself"

// push decides by a fresh look, and does it.
func (p *Pusher) push(ctx context.Context) error {
	if p.plan.PushKey == "no" {
		return refusal(decidePush(pushFacts{Switch: "no"}).Why)
	}
	if !p.plan.IAP.IsVM() {
		line, err := p.cloud.workloadCertificate(ctx, p.plan, p.now())
		p.offer = sshclient.Identity{Path: p.plan.KeyFile, Certificate: line}
		return err
	}
	f, _ := p.cloud.facts(ctx, p.plan, p.since)
	return p.pushBy(ctx, f)
}

// pushBy decides by what is known of the VM, and does it.
func (p *Pusher) pushBy(ctx context.Context, f Facts) error {
	ref := refOf(p.plan)
	d := decidePush(f.push(p.plan, p.cloud.Ask != nil, p.now(), p.margin))
	p.cloud.Debug("key for %s: %s: %s", p.plan.User, d.Action, d.Why)
	if d.Action != ActRefuse && d.Action != ActUse {
		if err := usable(p.plan.KeyFile); err != nil {
			return err
		}
	}
	if d.Action == ActAsk {
		if !p.agreed(ctx) {
			return refusal("no key was put on the VM")
		}
		d.Action = ActInstance
	}
	p.offer = sshclient.Identity{Path: p.plan.KeyFile}
	var done pushRecord
	switch d.Action {
	case ActRefuse:
		p.offer = sshclient.Identity{}
		return p.cloud.refusal(ctx, ref.Project, f, d)
	case ActUse:
		p.placed = true
		if p.cloud.shelf(ctx).Get(pushKind, pushName(ref, f), &done) && done.File == p.plan.KeyFile && done.User == p.plan.User { // by another process, a moment ago
			p.pushed = done.At
		}
		return nil
	case ActCertify: // good at once
		if p.margin > 0 {
			return noCertificate
		}
		line, err := p.cloud.certificate(ctx, p.plan, p.now(), p.cloud.certifyFor(f.instance(ref)))
		p.offer.Certificate = line
		return err
	}
	// Of many processes that want the same one does it, unless that was undone before this one began.
	mine := func() bool {
		return done.File == p.plan.KeyFile && done.Asked == p.plan.User && !done.At.Before(p.since)
	}
	err := p.cloud.shelf(ctx).Once(ctx, pushKind, pushName(ref, f), &done, mine, func(ctx context.Context) (time.Duration, error) {
		key, err := p.cloud.MakeKey(p.plan)
		if err == nil {
			err = p.put(ctx, d.Action, key, f.Expired)
		}
		done = pushRecord{File: p.plan.KeyFile, Asked: p.plan.User, User: p.user, At: p.now()}
		return maxTries, err
	})
	if err != nil {
		p.offer = sshclient.Identity{}
		return err
	}
	p.user, p.pushed = done.User, done.At
	return nil
}

// refusal is what the table says, and of a profile that could not be read why.
func (c *Cloud) refusal(ctx context.Context, project string, f Facts, d Push) error {
	if f.OSLogin && slices.Contains(f.Unread, profileCall) {
		if _, err := c.profile(ctx, project); err != nil {
			return fmt.Errorf("%s: %w", d.Why, err)
		}
	}
	return refusal(d.Why)
}

// pushRecord tells other processes of a push: of which key, for whom it was made, whom it lets in, and when.
type pushRecord struct {
	File, Asked, User string
	At                time.Time
}

// pushName is what a push is good for: all VMs of a region under OS Login, else one VM.
func pushName(ref gce.Ref, f Facts) string {
	if f.OSLogin {
		return ref.Project + "/" + ref.Region()
	}
	return factsName(ref)
}

// push is what the facts mean for the plan's key.
func (f Facts) push(plan config.Plan, terminal bool, now time.Time, margin time.Duration) pushFacts {
	_, present := f.letsIn(plan.User, now, margin)
	return pushFacts{
		Switch: plan.PushKey, User: plan.User, Terminal: terminal,
		Read: f.Settled, OSLogin: f.OSLogin, Certificates: f.Certified, Windows: f.Windows, Blocked: f.Blocked, LoginUsers: f.LoginUsers,
		Profile: !slices.Contains(f.Unread, profileCall), Present: present,
	}
}

// agreed asks for consent.
func (p *Pusher) agreed(ctx context.Context) bool {
	t := p.plan.IAP
	answer, err := p.cloud.Ask(ctx, fmt.Sprintf("No key is accepted. The public key of %s can be added to the metadata of VM %s in zone %s of project %s,\n"+
		"which lets it in as %s until %s.\nAdd it (y/N)? ", p.plan.KeyFile, t.Instance, t.Zone, t.Project, p.plan.User, p.expiry().Format(time.DateTime)))
	answer = strings.ToLower(strings.TrimSpace(answer))
	return err == nil && (answer == "y" || answer == "yes")
}

func (p *Pusher) expiry() time.Time { return p.now().Add(p.plan.KeyLifetime) }
