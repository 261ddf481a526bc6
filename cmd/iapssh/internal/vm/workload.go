package vm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// Workloads of Cloud Run live among VMs here: they are located (their revision and their project's number), and inquired into (a
// certificate that lets the account in, and the authorities of the host keys).
const (
	workloadKind = "workload"
	// workloadLife is short: with each deployment another revision serves.
	workloadLife = 5 * time.Minute

	authoritiesKind = "authorities"
	authoritiesLife = 24 * time.Hour
)

func runRefOf(t config.Target) gce.RunRef {
	name, _, _ := strings.Cut(t.Instance, "/")
	return gce.RunRef{Project: t.Project, Region: t.Region, Type: t.Workload.Type, Name: name}
}

// targetName tells a target from others in the cache.
func targetName(t config.Target) string {
	if t.IsVM() {
		return factsName(gce.Ref{Project: t.Project, Zone: t.Zone, Name: t.Instance})
	}
	ref := runRefOf(t)
	return strings.Join([]string{ref.Project, ref.Region, ref.Type, ref.Name}, "/")
}

// workload reads the plan's workload, or remembers it.
func (c *Cloud) workload(ctx context.Context, plan config.Plan) (w gce.Workload, cached bool, err error) {
	cached = true
	err = c.shelf(ctx).Once(ctx, workloadKind, targetName(plan.IAP), &w, func() bool { return true }, func(ctx context.Context) (time.Duration, error) {
		cached = false
		w, err = c.API.Workload(ctx, runRefOf(plan.IAP))
		return workloadLife, err
	})
	return w, cached, err
}

// locateWorkload completes the plan for a workload. Where the project's number was given, who may not read the workload does without
// its revision, which is left to the relay.
func (c *Cloud) locateWorkload(ctx context.Context, plan config.Plan) (config.Plan, error) {
	ref := runRefOf(plan.IAP)
	w, cached, err := c.workload(ctx, plan)
	c.Debug("read %s: %+v, %v", ref, w, err)
	switch {
	case err != nil && plan.IAP.Workload.ProjectNumber != "" && ctx.Err() == nil:
		return plan, nil
	case err != nil:
		return plan, &gce.UndescribedError{Ref: ref, Err: err}
	case w.FirstGen:
		return plan, &gce.GenerationError{Ref: ref}
	case plan.IAP.Workload.ProjectNumber == "" && w.Number == "":
		return plan, &gce.UndescribedError{Ref: ref}
	case plan.IAP.Workload.ProjectNumber == "":
		plan.IAP.Workload.ProjectNumber = w.Number
	}
	plan.Remembered = cached
	if plan.IAP.WantsRevision() {
		revision, err := w.ChooseRevision(ref)
		if err != nil {
			if revision, err = c.askRevision(ctx, err); err != nil {
				return plan, err
			}
		}
		plan.IAP.Instance = ref.Name + "/revisions/" + revision
	}
	return plan, nil
}

// askRevision is gcloud's question. Where it cannot be asked, or is not the question, the error is the one given.
func (c *Cloud) askRevision(ctx context.Context, why error) (string, error) {
	var several *gce.RevisionError
	if c.Ask == nil || !errors.As(why, &several) || len(several.Revisions) == 0 {
		return "", why
	}
	var b strings.Builder
	b.WriteString("There is a traffic split. Please specify which revision to SSH into:\n")
	for i, revision := range several.Revisions {
		fmt.Fprintf(&b, " [%d] %s\n", i+1, revision)
	}
	b.WriteString("Please enter your numeric choice:  ")
	prompt := b.String()
	for range maxQuestions {
		answer, err := c.Ask(ctx, prompt)
		if err != nil {
			c.Debug("no answer: %v", err)
			return "", why
		}
		if n, err := strconv.Atoi(strings.TrimSpace(answer)); err == nil && 0 < n && n <= len(several.Revisions) {
			return several.Revisions[n-1], nil
		}
		prompt = fmt.Sprintf("Please enter a value between 1 and %d: ", len(several.Revisions))
	}
	return "", why
}

// misplacedWorkload drops what is remembered of the plan's workload, and returns the plan without its revision.
func (c *Cloud) misplacedWorkload(ctx context.Context, plan config.Plan) config.Plan {
	c.shelf(ctx).Drop(workloadKind, targetName(plan.IAP))
	plan.IAP.Instance, plan.Remembered = runRefOf(plan.IAP).Name, false
	return plan
}

// workloadFacts gets what a session with a workload needs, neither waiting for the other.
func (c *Cloud) workloadFacts(ctx context.Context, plan config.Plan) (f Facts, cached bool) {
	var calls sync.WaitGroup
	calls.Go(func() { f.Authorities, cached = c.authorities(ctx, plan.IAP.Region) })
	calls.Go(func() {
		if plan.PushKey == "no" {
			return
		}
		var err error
		if f.Certificate, err = c.workloadCertificate(ctx, plan, time.Time{}); err != nil {
			c.Debug("%v", err)
		}
	})
	calls.Wait()
	return f, cached
}

// workloadCertificate is a certificate for the plan's workload, and no older than since.
func (c *Cloud) workloadCertificate(ctx context.Context, plan config.Plan, since time.Time) (string, error) {
	return c.certificate(ctx, plan, since, func(ctx context.Context, key string) (string, error) {
		w, _, err := c.workload(ctx, plan)
		if err != nil {
			return "", err
		}
		return c.API.SignWorkloadKey(ctx, c.Account(ctx), runRefOf(plan.IAP), w.ServiceAccount, key)
	})
}

// authorities are public, and the same for everybody.
func (c *Cloud) authorities(ctx context.Context, region string) (keys []string, cached bool) {
	cached = true
	err := c.Cache.For(cache.Owner{}).Once(ctx, authoritiesKind, region, &keys, func() bool { return true }, func(ctx context.Context) (life time.Duration, err error) {
		cached = false
		keys, err = c.API.RunAuthorities(ctx, region)
		return authoritiesLife, err
	})
	if err != nil {
		c.Debug("the authorities of Cloud Run's host keys are not known: %v", err)
		return nil, false
	}
	return keys, cached
}
