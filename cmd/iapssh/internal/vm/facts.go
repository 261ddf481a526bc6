package vm

import (
	"context"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/sshclient"
)

const (
	factsKind = "vm"
	// factsLife is short for the life of a VM: what proves wrong is dropped at once, and what has changed without harm, such as a
	// published host key, is learnt by the next day.
	factsLife = 24 * time.Hour
	// deniedLife is how long it is remembered that something could not be read. A role that is granted works after minutes.
	deniedLife = 10 * time.Minute
	// patience is how long reading may take in all. Without facts nothing is trusted that would not be with them.
	patience = 15 * time.Second
)

// Facts is what Google says of a VM and of who we are on it. What could not be read is empty, and Unread names it.
type Facts struct {
	ID         string   // of the VM, decimal
	HostKeys   []string // "TYPE BASE64", as its guest agent has published them
	OSLogin    bool     // its users are those of OS Login
	LoginUsers []string // the account's POSIX names, the primary one first
	Unread     []string // calls that were refused or failed: "compute.instances.get"

	Certified      bool   // OS Login lets nobody in without a certificate
	ServiceAccount string // of the VM, e-mail

	// What putting a key there depends on.
	At       time.Time            // when this was read
	Key      string               // its public half, "TYPE BASE64"; empty if it is not made yet
	KeyUsers map[string]time.Time // whom it lets in already, as far as Google says so, and until when; zero: for good
	Settled  bool                 // it is known whether OS Login is on
	Windows  bool                 // it has Windows, and takes no keys
	Blocked  bool                 // keys in the project's metadata do not count
	Expired  []string             // fingerprints in the login profile, of keys that we once put there

	Certificate string   `json:"-"` // for the plan's key, "TYPE BASE64"; it has a place of its own in the cache
	Authorities []string `json:"-"` // whose signature a host key of Cloud Run bears, "TYPE BASE64"; as well
}

// Facts waits for the facts.
func (q *Inquiry) Facts() Facts {
	<-q.done
	return q.facts
}

func refOf(plan config.Plan) gce.Ref {
	return gce.Ref{Project: plan.IAP.Project, Zone: plan.IAP.Zone, Name: plan.IAP.Instance}
}

func factsName(ref gce.Ref) string { return ref.Project + "/" + ref.Zone + "/" + ref.Name }

// Peek gives the facts that are remembered, without asking anybody.
func Peek(c *cache.Cache, account string, plan config.Plan) (f Facts, known bool) {
	known = c.For(cache.Owner{Account: account}).Get(factsKind, factsName(refOf(plan)), &f)
	return f, known
}

// KnownID gives the number of the plan's VM if the latest Locate has told it, or it is remembered; else it is empty.
func (c *Cloud) KnownID(ctx context.Context, plan config.Plan) string {
	if c.found.Ref == refOf(plan) {
		return c.found.ID
	}
	f, _ := Peek(c.Cache, c.Account(ctx), plan)
	return f.ID
}

// shelf is the account's part of the cache: what one may read is not shown to another.
func (c *Cloud) shelf(ctx context.Context) *cache.Shelf {
	return c.Cache.For(cache.Owner{Account: c.Account(ctx)})
}

// inquire gets the facts and, where it is known that nothing else opens the door, a certificate.
func (c *Cloud) inquire(ctx context.Context, plan config.Plan) (f Facts, cached bool) {
	if !plan.IAP.IsVM() {
		return c.workloadFacts(ctx, plan)
	}
	f, cached = c.facts(ctx, plan, time.Time{})
	if f.Certified && f.ID != "" && plan.PushKey != "no" {
		c.certify(ctx, plan, &f)
	}
	return f, cached
}

// facts are the cached ones if they were read since then and tell of the plan's key, or if since is zero; or they are read, by one
// process for all that want them. Those of a time when there was no key tell of any: nobody can have put it anywhere.
func (c *Cloud) facts(ctx context.Context, plan config.Plan, since time.Time) (f Facts, cached bool) {
	ref := refOf(plan)
	cached = true
	good := func() bool {
		return since.IsZero() || !f.At.Before(since) && (f.Key == "" || f.Key == sshclient.PublicHalf(plan.KeyFile))
	}
	err := c.shelf(ctx).Once(ctx, factsKind, factsName(ref), &f, good, func(ctx context.Context) (time.Duration, error) {
		cached = false
		r := c.read(ctx, ref)
		f = c.factsFor(ctx, plan, r)
		life := factsLife
		switch {
		case ctx.Err() != nil || r.unsettled():
			life = 0 // what is not known for a reason that may pass is asked again
		case len(f.Unread) > 0:
			life = deniedLife
		case f.OSLogin:
			life = min(factsLife, c.extend(ctx, plan, r.profile, time.Now()))
		}
		r.ofKey(&f, sshclient.PublicHalf(plan.KeyFile), time.Now())
		return life, nil
	})
	if err != nil {
		c.Debug("what is known of %s: %v", ref.Name, err)
		return Facts{}, false
	}
	c.Debug("what is known of %s: %s", ref.Name, f)
	return f, cached
}

// factsFor is what matters of a reading to a plan, but for its key.
func (c *Cloud) factsFor(ctx context.Context, plan config.Plan, r reading) Facts {
	f := r.facts()
	f.Certified = f.Certified || f.OSLogin && onlyCertified(c.Account(ctx), plan.Universe)
	return f
}

// certify adds a certificate, with which the account may have got its POSIX name.
func (c *Cloud) certify(ctx context.Context, plan config.Plan, f *Facts) {
	ref := refOf(plan)
	line, err := c.certificate(ctx, plan, time.Time{}, c.certifyFor(f.instance(ref)))
	if err != nil {
		c.Debug("%v", err)
		return
	}
	f.Certificate = line
	if len(f.LoginUsers) > 0 {
		return
	}
	c.shelf(ctx).Drop(factsKind, factsName(ref))
	if profile, err := c.profile(ctx, ref.Project); err == nil {
		f.LoginUsers = loginUsers(profile)
	}
}

// instance is what a certificate for the VM depends on.
func (f Facts) instance(ref gce.Ref) gce.Instance {
	i := gce.Instance{Ref: ref, ID: f.ID}
	if f.ServiceAccount != "" {
		i.ServiceAccounts = []string{f.ServiceAccount}
	}
	return i
}

// Address asks for the address of the plan's VM, of the kind that the plan wants. The error is a *gce.NoAddressError if it has none.
func (c *Cloud) Address(ctx context.Context, plan config.Plan) (string, error) {
	i, err := c.found, error(nil)
	if !c.fresh {
		i, err = c.API.Instance(ctx, refOf(plan))
	}
	c.fresh = false
	if err != nil {
		return "", err
	}
	return i.Address(plan.IAP.Interface, plan.Address, plan.AddressFamily)
}

// Describe asks for the addresses of the plan's VM: the one that the plan leads to, which through IAP is the internal one, and that.
func (c *Cloud) Describe(ctx context.Context, plan config.Plan) (config.VM, error) {
	i, err := c.API.Instance(ctx, refOf(plan))
	if err != nil {
		return config.VM{}, err
	}
	internal, err := i.Address(plan.IAP.Interface, "internal", plan.AddressFamily)
	if err != nil {
		return config.VM{}, err
	}
	if plan.Route != config.RouteAddress {
		return config.VM{Address: internal, Internal: internal}, nil
	}
	address, err := i.Address(plan.IAP.Interface, plan.Address, plan.AddressFamily)
	return config.VM{Address: address, Internal: internal}, err
}

// Published gives the facts of a VM that has published its host keys, read anew. Else the error is a *gce.UnpublishedError.
func (c *Cloud) Published(ctx context.Context, plan config.Plan) (Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := c.read(ctx, refOf(plan))
	f := r.facts()
	if len(f.HostKeys) == 0 {
		return f, &gce.UnpublishedError{Ref: refOf(plan), Err: r.hostKeysErr}
	}
	return f, nil
}

// facts is what matters of it.
func (r reading) facts() Facts {
	f := Facts{ID: r.instance.ID, HostKeys: r.hostKeys, LoginUsers: loginUsers(r.profile), Blocked: gce.ProjectKeysBlocked(r.instance.Metadata)}
	_, own := r.instance.Metadata.Get(osLoginSwitch)
	f.Settled = r.instanceErr == nil && (r.projectErr == nil || own)
	f.Windows = r.instance.Windows && !gce.Enabled("enable-windows-ssh", r.instance.Metadata, r.project)
	f.OSLogin = !r.instance.Windows && gce.Enabled(osLoginSwitch, r.instance.Metadata, r.project)
	f.Certified = f.OSLogin && gce.Enabled("enable-oslogin-certificates", r.instance.Metadata, r.project)
	if len(r.instance.ServiceAccounts) > 0 {
		f.ServiceAccount = r.instance.ServiceAccounts[0]
	}
	for _, call := range []struct {
		name string
		err  error
	}{
		{"compute.instances.get", r.instanceErr}, {"compute.projects.get", r.projectErr},
		{profileCall, r.profileErr}, {"compute.instances.getGuestAttributes", r.hostKeysErr},
	} {
		if call.err != nil {
			f.Unread = append(f.Unread, call.name)
		}
	}
	return f
}

// letsIn says that the key lets a user in for a margin of time, and until when. In the OS Login profile no more is to be had
// than there is: reading has extended what is ours, and the expiry of what others have put there is not ours to change.
func (f Facts) letsIn(user string, now time.Time, margin time.Duration) (until time.Time, ok bool) {
	until, ok = f.KeyUsers[user]
	if f.OSLogin {
		margin = 0
	}
	return until, ok && (until.IsZero() || now.Add(margin).Before(until))
}

// String is for -v.
func (f Facts) String() string {
	parts := []string{"id " + f.ID}
	if f.ID == "" {
		parts[0] = "no id"
	}
	if f.OSLogin {
		parts = append(parts, "OS Login, as "+strings.Join(f.LoginUsers, " or "))
	}
	if f.Certified {
		parts = append(parts, "by certificates only")
	}
	if len(f.HostKeys) > 0 {
		parts = append(parts, "host keys published")
	}
	if len(f.Unread) > 0 {
		parts = append(parts, "not readable: "+strings.Join(f.Unread, ", "))
	}
	return strings.Join(parts, "; ")
}
