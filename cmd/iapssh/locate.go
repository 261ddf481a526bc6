package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/transport/iap"
)

// located completes the plan and has connect follow it; once more if the VM is not where the cache had it.
func (r *relay) located(ctx context.Context, connect func(config.Plan) error) error {
	plan, err := r.locate(ctx)
	if err != nil {
		return err
	}
	r.inquire(ctx, plan)
	if err = connect(plan); err == nil || !plan.Remembered || !isMisplaced(err) {
		return err
	}
	r.endInquiry() // it reads what is about to be found anew
	elsewhere, ok := r.relocate(ctx, plan)
	if !ok {
		return err
	}
	r.inquire(ctx, elsewhere)
	return connect(elsewhere)
}

// locate looks the target up, unless that is done.
func (r *relay) locate(ctx context.Context) (config.Plan, error) {
	r.locating.Lock()
	defer r.locating.Unlock()
	plan := r.current()
	if !plan.MustLocate() {
		return plan, nil
	}
	plan, err := r.lookUp(ctx, plan)
	if err == nil {
		r.complete(plan)
	}
	return plan, err
}

// relocate looks up a target that is not where plan has it; false if it is nowhere else.
func (r *relay) relocate(ctx context.Context, plan config.Plan) (config.Plan, bool) {
	r.locating.Lock()
	defer r.locating.Unlock()
	if current := r.current(); current.IAP != plan.IAP {
		return current, true
	}
	elsewhere, err := r.lookUp(ctx, r.cloud.Misplaced(ctx, plan))
	if err != nil || elsewhere.IAP == plan.IAP {
		return plan, false
	}
	r.complete(elsewhere)
	return elsewhere, true
}

func (r *relay) complete(plan config.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = plan
}

// lookUp completes a plan. That time is not the network's.
func (r *relay) lookUp(ctx context.Context, plan config.Plan) (config.Plan, error) {
	defer r.outerStandsStill()()
	over := r.times.phase("lookup")
	plan, err := r.cloud.Locate(ctx, plan)
	over(err)
	return plan, err
}

// isMisplaced says that the relay, or Compute Engine, knows of no such VM, or of no such zone.
func isMisplaced(err error) bool {
	var closed *iap.CloseError
	var status *iap.HTTPError
	return gce.IsNotFound(err) || errors.As(err, &closed) && (closed.Code == iap.CloseLookupFailed || closed.Code == iap.CloseLookupFailedResume) ||
		errors.As(err, &status) && status.Status == http.StatusNotFound
}
