package main

import (
	"context"
	"fmt"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
)

// hostKeys prints what the plan's VMs have published of their host keys, as lines of a known_hosts file: by the number of the VM,
// which no other will have, and by its full name.
func hostKeys(ctx context.Context, plan config.Plan, messages *session.Messages) int {
	for _, one := range plan.Each {
		r, err := newRelay(one, messages)
		if err != nil {
			return complain(messages, plan, err)
		}
		facts, err := r.published(ctx)
		if err != nil {
			return r.concede(report.Of(err, r.facts(ctx, err)), err)
		}
		names := r.plan.IAP.FullName()
		if facts.ID != "" {
			names = "compute." + facts.ID + "," + names
		}
		for _, key := range facts.HostKeys {
			if code := output(plan, messages, names+" "+key+"\n"); code != 0 {
				return code
			}
		}
	}
	return 0
}

// aboutVM has the plan lead to a VM, whether or not the name could be a host's.
func (r *relay) aboutVM() error {
	if err := r.plan.Lacks(); err != nil {
		return err
	}
	if r.cloud == nil || !r.plan.IAP.IsVM() {
		return &config.UsageError{Ours: true, Text: fmt.Sprintf("%s is no VM (%s)", r.plan.Original, r.plan.RouteReason)}
	}
	r.plan.Route = config.RouteIAP
	return nil
}

// published gives the facts of a VM that has published its host keys.
func (r *relay) published(ctx context.Context) (vm.Facts, error) {
	err := r.aboutVM()
	if err != nil {
		return vm.Facts{}, err
	}
	if r.plan.MustLocate() {
		if r.plan, err = r.cloud.Locate(ctx, r.plan); err != nil {
			return vm.Facts{}, err
		}
	}
	return r.cloud.Published(ctx, r.plan)
}
