package main

import (
	"context"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/wait"
)

// lookPatience bounds a look at a VM that is waited for.
const lookPatience = 5 * time.Second

// waits says whether the plan's VM is waited for.
func (r *relay) waits() bool {
	plan := r.current()
	return plan.Wait > 0 && (plan.ToVM() || plan.Route == config.RouteLookup)
}

// boundTries sets a ConnectTimeout where none is given and the VM is waited for: one that takes the connection and says nothing may
// have an sshd the next time.
func (r *relay) boundTries() {
	if plan := r.current(); r.waits() && plan.ConnectTimeout == 0 {
		plan.ConnectTimeout = min(plan.Wait, attemptPatience)
		r.complete(plan)
	}
}

// patiently has try come about; again and again, if the plan says to wait for a VM that starts up. That time is not that of the host
// which is reached through ours.
func (r *relay) patiently(ctx context.Context, try func() error) error {
	if !r.waits() {
		return try()
	}
	defer r.outerStandsStill()()
	defer r.wait.unpin()
	w := &waiting{relay: r}
	return wait.Patience{Limit: r.current().Wait, Look: w.look, Tell: w.tell}.Run(ctx, try)
}

// waiting is the wait for one connection.
type waiting struct {
	relay  *relay
	told   string // what is waited for
	pushed bool   // the VM was given a key since the wait began
}

// look learns of the VM what matters to whether it is waited for.
func (w *waiting) look(ctx context.Context, err error) wait.Facts {
	r, f := w.relay, wait.Facts{Err: err}
	plan := r.current()
	if r.cloud == nil || !plan.IAP.IsVM() || plan.MustLocate() {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	var lookErr error
	f.VM, lookErr = r.cloud.API.Instance(ctx, gce.Ref{Project: plan.IAP.Project, Zone: plan.IAP.Zone, Name: plan.IAP.Instance})
	if lookErr != nil {
		r.debug("the VM that is waited for cannot be read: %v", lookErr)
	}
	f.Granted = r.isGranted(ctx, err)
	if r.pusher != nil {
		f.Pushed, f.Placed = r.pusher.Progress()
	}
	w.pushed = w.pushed || f.Pushed
	f.Pushed = w.pushed
	return f
}

// tell says what is waited for.
func (w *waiting) tell(what string, err error) {
	r := w.relay
	r.wait.pin(r.current().Original + ": waiting " + what)
	if what != w.told {
		w.told = what
		r.debug("waiting %s, after: %v", what, err)
	}
}
