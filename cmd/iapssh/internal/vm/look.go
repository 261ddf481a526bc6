package vm

import (
	"context"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/sshclient"
)

// Look is what Google says of a plan's VM at a moment, whatever is remembered.
type Look struct {
	Facts
	VM    gce.Instance
	VMErr error // the API's

	plan config.Plan
}

// Look reads the VM, and changes nothing.
func (c *Cloud) Look(ctx context.Context, plan config.Plan) Look {
	r := c.read(ctx, refOf(plan))
	f := c.factsFor(ctx, plan, r)
	r.ofKey(&f, sshclient.PublicHalf(plan.KeyFile), time.Now())
	return Look{Facts: f, VM: r.instance, VMErr: r.instanceErr, plan: plan}
}

// NextPush is what a connection as user would do if all keys were refused, with nobody there to be asked.
func (l Look) NextPush(user string) Push {
	plan := l.plan
	plan.User = user
	return decidePush(l.push(plan, false, time.Now(), 0))
}
