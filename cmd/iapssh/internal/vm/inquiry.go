package vm

import (
	"context"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

// Inquiry is the reading of a VM's facts beside something else. Its goroutine ends when it is done or stopped.
type Inquiry struct {
	cloud  *Cloud
	plan   config.Plan
	began  time.Time
	cancel context.CancelFunc
	done   chan struct{} // closed when facts and cached are set

	facts  Facts
	cached bool // facts are from the cache
}

// Inquire begins to read the facts of the plan's VM: from the cache, or by four calls at once. The caller ends it with Stop.
func (c *Cloud) Inquire(ctx context.Context, plan config.Plan) *Inquiry {
	ctx, cancel := context.WithTimeout(ctx, patience)
	q := &Inquiry{cloud: c, cancel: cancel, done: make(chan struct{}), plan: plan, began: time.Now()}
	go q.run(ctx)
	return q
}

// Stop ends the inquiry.
func (q *Inquiry) Stop() {
	q.cancel()
	<-q.done
}

// Again reads the facts anew if those that were given are from the cache, and says whether it did.
func (q *Inquiry) Again(ctx context.Context) (Facts, bool) {
	<-q.done
	if !q.cached {
		return q.facts, false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	q.Drop(ctx)
	q.facts, q.cached = q.cloud.inquire(ctx, q.plan)
	return q.facts, true
}

// NewPusher is for the plan, which may have learnt from the facts. What was read for it since it began is not read again.
func (q *Inquiry) NewPusher(plan config.Plan) *Pusher {
	p := q.cloud.NewPusher(plan)
	p.since = q.began
	return p
}

// Drop forgets the facts, which proved wrong.
func (q *Inquiry) Drop(ctx context.Context) {
	q.cloud.shelf(ctx).Drop(certificateKind, targetName(q.plan.IAP))
	if !q.plan.IAP.IsVM() {
		q.cloud.misplacedWorkload(ctx, q.plan)
		q.cloud.Cache.For(cache.Owner{}).Drop(authoritiesKind, q.plan.IAP.Region)
		return
	}
	q.cloud.shelf(ctx).Drop(factsKind, factsName(refOf(q.plan)))
}

func (q *Inquiry) run(ctx context.Context) {
	defer close(q.done)
	q.facts, q.cached = q.cloud.inquire(ctx, q.plan)
}
