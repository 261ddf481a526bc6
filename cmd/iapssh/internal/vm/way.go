package vm

import (
	"context"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// locateWay completes a plan to which two ways may lead. A place that the cache has, and that is wrong, is looked for again.
func (c *Cloud) locateWay(ctx context.Context, plan config.Plan) (config.Plan, error) {
	if !plan.IsPlaced() {
		var err error
		if plan, err = c.locateVM(ctx, plan); err != nil {
			return plan, err
		}
	}
	plan, err := c.chooseWay(ctx, plan)
	if plan.Remembered && gce.IsNotFound(err) {
		if plan, err = c.locateVM(ctx, c.Misplaced(ctx, plan)); err == nil {
			plan, err = c.chooseWay(ctx, plan)
		}
	}
	return plan, err
}

// chooseWay leads the plan to the VM's external address if it has one, else through IAP, as gcloud does. IAP is also the way for who
// may not see addresses, where gcloud gives up. The error is that there is no such VM, or ctx's.
func (c *Cloud) chooseWay(ctx context.Context, plan config.Plan) (config.Plan, error) {
	instance, err := c.API.Instance(ctx, refOf(plan))
	switch {
	case ctx.Err() != nil:
		return plan, context.Cause(ctx)
	case gce.IsNotFound(err):
		return plan, err
	case err != nil:
		c.Debug("whether %s has an external address could not be learnt: %v", plan.IAP.Instance, err)
	default:
		c.found = instance
		if _, err = instance.Address(plan.IAP.Interface, "external", plan.AddressFamily); err != nil {
			c.Say("External IP address was not found; defaulting to using IAP tunneling.")
		}
	}
	if err != nil {
		plan.Route, plan.RouteReason = config.RouteIAP, "the VM is not known to have an external address"
		return plan, nil
	}
	plan.Route, plan.RouteReason, plan.Address = config.RouteAddress, "the VM has an external address", "external"
	c.fresh = true
	return plan, nil
}
