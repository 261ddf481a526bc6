package gce

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// A Finding is what one project said of a name, or of all its VMs.
type Finding struct {
	Project   string
	Instances []Instance
	Err       error
}

// Find lists the VMs of a name in several projects at once, and gives a finding for each in the same order.
func (c *Client) Find(ctx context.Context, projects []string, name string) []Finding {
	return askEach(projects, func(project string) ([]Instance, error) { return c.Named(ctx, project, name) })
}

// ListEach is List in several projects at once, with a finding for each in the same order.
func (c *Client) ListEach(ctx context.Context, projects []string, filter string, keys ...string) []Finding {
	return askEach(projects, func(project string) ([]Instance, error) { return c.List(ctx, project, filter, keys...) })
}

func askEach(projects []string, list func(project string) ([]Instance, error)) []Finding {
	findings := make([]Finding, len(projects))
	var asking sync.WaitGroup
	for i, project := range projects {
		asking.Go(func() {
			instances, err := list(project)
			findings[i] = Finding{project, instances, err}
		})
	}
	asking.Wait()
	return findings
}

// Choose decides which VM is meant: the one that the first project with any has. zone, if not empty, is the only one that counts.
//
// The error is an *AmbiguousError if that project has several; a *NotFoundError if all projects said that they have none; else the
// *UnsearchedError of a project that could not be asked, which may have it.
func Choose(name, zone string, findings []Finding) (Instance, error) {
	var unsearched *UnsearchedError
	missing := &NotFoundError{Name: name, Zone: zone}
	for _, f := range findings {
		missing.Projects = append(missing.Projects, f.Project)
		if f.Err != nil {
			if unsearched == nil {
				unsearched = &UnsearchedError{Name: name, Project: f.Project, Err: f.Err}
			}
			continue
		}
		var hits []Instance
		for _, i := range f.Instances {
			if zone == "" || i.Zone == zone {
				hits = append(hits, i)
			}
		}
		switch {
		case len(hits) == 1:
			return hits[0], nil
		case len(hits) > 1:
			return Instance{}, &AmbiguousError{Name: name, Project: f.Project, Hits: hits}
		}
	}
	if unsearched != nil {
		return Instance{}, unsearched
	}
	return Instance{}, missing
}

// AmbiguousError says that several VMs have the name.
type AmbiguousError struct {
	Name, Project string
	Hits          []Instance // sorted by zone
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("project %s has %d VMs called %s, in the zones %s", e.Project, len(e.Hits), e.Name, strings.Join(e.Zones(), ", "))
}

// Zones are those that have one.
func (e *AmbiguousError) Zones() []string {
	var zones []string
	for _, i := range e.Hits {
		zones = append(zones, i.Zone)
	}
	return zones
}

// NotFoundError says that no VM has the name.
type NotFoundError struct {
	Name, Zone string // Zone is empty if all were searched
	Projects   []string
}

func (e *NotFoundError) Error() string {
	where := "project " + strings.Join(e.Projects, " or ")
	if e.Zone != "" {
		where = "zone " + e.Zone + " of " + where
	}
	return fmt.Sprintf("there is no VM called %s in %s", e.Name, where)
}

// UnpublishedError says that a VM's host keys are not to be had from its guest attributes.
type UnpublishedError struct {
	Ref Ref
	Err error // nil: it has published none
}

func (e *UnpublishedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("the host keys of VM %s cannot be read: %v", e.Ref.Name, e.Err)
	}
	return fmt.Sprintf("VM %s in zone %s of project %s has published no host keys", e.Ref.Name, e.Ref.Zone, e.Ref.Project)
}

func (e *UnpublishedError) Unwrap() error { return e.Err }

// UnsearchedError says that a project could not be searched for a VM, so that nobody knows whether there is one.
type UnsearchedError struct {
	Name, Project string
	Err           error
}

func (e *UnsearchedError) Error() string {
	return fmt.Sprintf("cannot look up VM %s in project %s: %v", e.Name, e.Project, e.Err)
}

func (e *UnsearchedError) Unwrap() error { return e.Err }
