package vm

import (
	"context"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
)

// ensureMargin is for how long a key must be good when somebody else begins to log in with it: an editor connects several times before
// it is content.
const ensureMargin = time.Hour

// Ensuring is the making sure of a key beside something else. Its goroutine ends when it is done or stopped.
type Ensuring struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when facts and err are set
	facts  Facts
	err    error
}

// Ensure begins to make sure that the plan's VM lets its key in for an hour more, or for half its life if that is shorter: by
// the facts that are remembered, without a request; else it looks, and pushes the key where the table of decidePush allows it
// without a question. The caller ends it with Stop.
func (c *Cloud) Ensure(ctx context.Context, plan config.Plan) *Ensuring {
	ctx, cancel := context.WithCancel(ctx)
	e := &Ensuring{cancel: cancel, done: make(chan struct{})}
	go e.run(ctx, c.NewPusher(plan))
	return e
}

func (e *Ensuring) run(ctx context.Context, p *Pusher) {
	defer close(e.done)
	e.facts, e.err = p.ensure(ctx)
}

// Wait gives what is known of the VM, and why the key is not sure to be let in; nil if it is.
func (e *Ensuring) Wait() (Facts, error) {
	<-e.done
	return e.facts, e.err
}

// Stop ends it.
func (e *Ensuring) Stop() {
	e.cancel()
	<-e.done
}

// ensure is the whole of it. That a key is not let in is believed for deniedLife, so that one that cannot be pushed is not looked for
// at each connection. One that is new to the VM gets the time that it takes there: who logs in with it tries once.
func (p *Pusher) ensure(ctx context.Context) (Facts, error) {
	p.margin = min(ensureMargin, p.plan.KeyLifetime/2)
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f, known := p.known(bounded, time.Time{})
	if !known {
		if p.since = p.now().Add(-deniedLife); f.At.Before(p.since) || f.Key != sshclient.PublicHalf(p.plan.KeyFile) {
			f, known = p.known(bounded, p.since)
		}
	}
	if known {
		return f, nil
	}
	_, wasGood := f.letsIn(p.plan.User, p.now(), 0)
	if err := p.pushBy(bounded, f); err != nil || p.pushed.IsZero() {
		return f, err
	}
	if !wasGood {
		p.settle(ctx)
	}
	f.At, f.Key = p.now(), sshclient.PublicHalf(p.plan.KeyFile)
	f.KeyUsers = map[string]time.Time{p.user: p.pushed.Add(p.plan.KeyLifetime)}
	if f.OSLogin && len(f.LoginUsers) == 0 {
		f.LoginUsers = []string{p.user}
	}
	p.cloud.shelf(ctx).Put(factsKind, factsName(refOf(p.plan)), f, min(factsLife, p.plan.KeyLifetime/2))
	return f, nil
}

// known says whether the facts, which are no older than since, have it that the key is good for long enough. They settle the
// login name.
func (p *Pusher) known(ctx context.Context, since time.Time) (Facts, bool) {
	f, _ := p.cloud.facts(ctx, p.plan, since)
	p.plan.User = LoginOf(p.plan, p.cloud.Account(ctx), f).User
	p.user = p.plan.User
	_, ok := f.letsIn(p.plan.User, p.now(), p.margin)
	return f, ok && f.Key != "" && f.Key == sshclient.PublicHalf(p.plan.KeyFile)
}

// settle waits until a key that was pushed may be in force.
func (p *Pusher) settle(ctx context.Context) {
	left := p.pushed.Add(firstTry).Sub(p.now())
	if left <= 0 {
		return
	}
	p.cloud.Say("Waiting for SSH key to propagate.")
	select {
	case <-time.After(left):
	case <-ctx.Done():
	}
}
