package vm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// Entries about places belong to nobody: they are looked for before it is known which account will ask.
const (
	placeKind = "place"
	placeLife = 7 * 24 * time.Hour

	// What a lookup has found is kept for as long as it takes processes that began together.
	lookupKind = "lookup"
	lookupLife = time.Minute
)

// maxQuestions bounds how often a question is asked again.
const maxQuestions = 3

// Remembered gives the first of the projects in which a VM of the name has been found before, and its zone.
func Remembered(c *cache.Cache, instance string, projects []string) (project, zone string, ok bool) {
	for _, project := range projects {
		if c.For(cache.Owner{}).Get(placeKind, placeName(project, instance), &zone) {
			return project, zone, true
		}
		if zone = readRoster(c, project).zone(instance); zone != "" {
			return project, zone, true
		}
	}
	return "", "", false
}

func placeName(project, instance string) string { return project + "/" + instance }

// Locate completes a plan whose project or zone is open, or that need not be about a VM at all: then it is the plan of a direct
// connection if there is no such VM, or nobody can tell. What is found is remembered, and said. Of two ways to a VM it chooses the one
// that there is. The error is one of gce.Choose's, or ctx's. Of a workload it is a *gce.UndescribedError, a *gce.GenerationError or a
// *gce.RevisionError.
func (c *Cloud) Locate(ctx context.Context, plan config.Plan) (config.Plan, error) {
	switch {
	case plan.IAP.Workload.Type != "":
		return c.locateWorkload(ctx, plan)
	case plan.Route == config.RouteEither:
		return c.locateWay(ctx, plan)
	}
	return c.locateVM(ctx, plan)
}

// locateVM looks for the plan's VM.
func (c *Cloud) locateVM(ctx context.Context, plan config.Plan) (config.Plan, error) {
	name, projects := plan.IAP.Instance, plan.Projects
	if plan.IAP.Project != "" {
		projects = []string{plan.IAP.Project}
	}
	place, err := c.find(ctx, projects, name, plan.IAP.Zone)
	if ctx.Err() != nil {
		return plan, context.Cause(ctx)
	}
	c.Debug("looked for %s in %s: %s", name, strings.Join(projects, ", "), outcome(place, err))
	if err != nil && plan.Route == config.RouteLookup && !isAmbiguous(err) {
		return direct(plan, err), nil
	}
	if err != nil {
		if place, err = c.ask(ctx, plan, err); err != nil {
			return plan, err
		}
	} else {
		c.Say(foundLine(place, len(projects) > 1))
	}
	c.Cache.For(cache.Owner{}).Put(placeKind, placeName(place.Project, name), place.Zone, placeLife)
	if plan.Route == config.RouteLookup {
		plan.Route = config.RouteIAP
	}
	plan.IAP.Project, plan.IAP.Zone = place.Project, place.Zone
	return plan, nil
}

// find looks for a VM, in one process for all that look for the same. Only where it is goes to the others: metadata may hold secrets.
func (c *Cloud) find(ctx context.Context, projects []string, name, zone string) (place gce.Ref, err error) {
	err = c.shelf(ctx).Once(ctx, lookupKind, lookupName(projects, zone, name), &place, func() bool { return true }, func(ctx context.Context) (time.Duration, error) {
		found, err := gce.Choose(name, zone, c.API.Find(ctx, projects, name))
		c.found, place = found, found.Ref
		return lookupLife, err
	})
	return place, err
}

func lookupName(projects []string, zone, name string) string {
	return strings.Join(projects, " ") + "/" + zone + "/" + name
}

// Misplaced drops what is remembered of the plan's place, which proved wrong, and returns the plan without it.
func (c *Cloud) Misplaced(ctx context.Context, plan config.Plan) config.Plan {
	if plan.IAP.Workload.Type != "" {
		return c.misplacedWorkload(ctx, plan)
	}
	c.Debug("%s is no longer in zone %s of project %s: looking for it again", plan.IAP.Instance, plan.IAP.Zone, plan.IAP.Project)
	c.Cache.For(cache.Owner{}).Drop(placeKind, placeName(plan.IAP.Project, plan.IAP.Instance))
	if readRoster(c.Cache, plan.IAP.Project).zone(plan.IAP.Instance) == plan.IAP.Zone {
		c.Cache.For(cache.Owner{}).Drop(rosterKind, plan.IAP.Project)
	}
	plan.IAP.Zone, plan.Remembered = "", false
	if len(plan.Projects) > 1 {
		plan.IAP.Project = ""
	}
	c.shelf(ctx).Drop(lookupKind, lookupName(plan.Projects, "", plan.IAP.Instance))
	return plan
}

func outcome(found gce.Ref, err error) string {
	if err != nil {
		return err.Error()
	}
	return "zone " + found.Zone + " of project " + found.Project
}

func isAmbiguous(err error) bool {
	var ambiguous *gce.AmbiguousError
	return errors.As(err, &ambiguous)
}

// direct is the plan for a name that is no VM's, as far as anybody can tell.
func direct(plan config.Plan, err error) config.Plan {
	plan.Route, plan.RouteReason = config.RouteDirect, err.Error()
	var missing *gce.NotFoundError
	if !errors.As(err, &missing) {
		plan.RouteFix = fmt.Sprintf("If it is a VM: %v; %s", err, config.ZoneFix)
	}
	return plan
}

// foundLine is gcloud's; the project is new if there was a choice.
func foundLine(at gce.Ref, choice bool) string {
	line := fmt.Sprintf("No zone specified. Using zone [%s] for instance: [%s]", at.Zone, at.Name)
	if choice {
		line += fmt.Sprintf(" of project: [%s]", at.Project)
	}
	return line + "."
}

// ask has the user say where the VM is, if that is the question and there is somebody to ask. Else the error is the one given.
func (c *Cloud) ask(ctx context.Context, plan config.Plan, why error) (gce.Ref, error) {
	if c.Ask == nil {
		return gce.Ref{}, why
	}
	var several *gce.AmbiguousError
	var unsearched *gce.UnsearchedError
	prompt, zones, project := "", []string(nil), plan.IAP.Project
	switch {
	case errors.As(why, &several):
		zones, project = several.Zones(), several.Project
		prompt = choiceOfZones(plan.IAP.Instance, zones)
	case errors.As(why, &unsearched) && project != "":
		prompt = fmt.Sprintf("%v\nZone of VM %s in project %s: ", why, plan.IAP.Instance, project)
	default:
		return gce.Ref{}, why
	}
	for range maxQuestions {
		answer, err := c.Ask(ctx, prompt)
		if err != nil {
			c.Debug("no answer: %v", err)
			return gce.Ref{}, why
		}
		if zone, ok := chosenZone(answer, zones); ok {
			return gce.Ref{Project: project, Zone: zone, Name: plan.IAP.Instance}, nil
		}
		prompt = "Please enter a value between 1 and " + strconv.Itoa(len(zones)) + ", or a zone: "
		if zones == nil {
			prompt = "Please enter a zone, such as europe-west1-b: "
		}
	}
	return gce.Ref{}, why
}

// choiceOfZones is gcloud's question.
func choiceOfZones(instance string, zones []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "For the following instance:\n - [%s]\nchoose a zone:\n", instance)
	for i, zone := range zones {
		fmt.Fprintf(&b, " [%d] %s\n", i+1, zone)
	}
	b.WriteString("Please enter your numeric choice:  ")
	return b.String()
}

// chosenZone reads an answer: a number, or a zone's name, which must be one of zones if there are any.
func chosenZone(answer string, zones []string) (zone string, ok bool) {
	answer = strings.TrimSpace(answer)
	if n, err := strconv.Atoi(answer); err == nil {
		if n < 1 || n > len(zones) {
			return "", false
		}
		return zones[n-1], true
	}
	if zones == nil {
		return answer, config.IsZone(answer)
	}
	return answer, slices.Contains(zones, answer)
}
