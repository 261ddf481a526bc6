package vm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// A whole listing of a project is remembered as one entry, whose name is the project's: thousands of places would be as many files.
// Like places it belongs to nobody.
const rosterKind = "roster"

// roster has the names of a project's VMs by zone: in one string, with a blank before and behind each, since sessions look for one of
// thousands.
type roster map[string]string

func rosterOf(instances []gce.Instance) roster {
	zones := map[string]*strings.Builder{}
	for _, i := range instances {
		if zones[i.Zone] == nil {
			zones[i.Zone] = &strings.Builder{}
			zones[i.Zone].WriteByte(' ')
		}
		zones[i.Zone].WriteString(i.Name + " ")
	}
	r := roster{}
	for zone, names := range zones {
		r[zone] = names.String()
	}
	return r
}

func (r roster) has(zone, name string) bool { return strings.Contains(r[zone], " "+name+" ") }

// zone is where the VM of a name is; empty if there is none, or more than one.
func (r roster) zone(name string) (found string) {
	for zone := range r {
		if r.has(zone, name) {
			if found != "" {
				return ""
			}
			found = zone
		}
	}
	return found
}

// List lists the VMs of several projects, and remembers where they are unless a filter hides some. There is a finding for each
// project, in the same order.
func (c *Cloud) List(ctx context.Context, projects []string, filter string, keys ...string) []gce.Finding {
	findings := c.API.ListEach(ctx, projects, filter, keys...)
	for _, f := range findings {
		if f.Err == nil && filter == "" {
			c.Cache.For(cache.Owner{}).Put(rosterKind, f.Project, rosterOf(f.Instances), placeLife)
		}
	}
	return findings
}

// osLoginSwitch is the key of metadata that says whether a VM has OS Login.
const osLoginSwitch = "enable-oslogin"

// A Survey is what is known of a project's VMs after a listing, and of who we are on them.
type Survey struct {
	gce.Finding

	metadata   gce.Metadata
	loginUsers []string
}

// Facts are those of one of the VMs, or with a zero instance of any that has no metadata of its own; as far as they matter for the
// login name.
func (s Survey) Facts(i gce.Instance) Facts {
	return Facts{
		ID: i.ID, LoginUsers: s.loginUsers, OSLogin: !i.Windows && gce.Enabled(osLoginSwitch, i.Metadata, s.metadata),
	}
}

// Survey lists the VMs of several projects, and reads beside it what is to be known of each project: three calls for one whose VMs
// have room on a page, none of which waits for another. What cannot be read beside the listing is said, and left out.
func (c *Cloud) Survey(ctx context.Context, projects []string, filter string) []Survey {
	surveys := make([]Survey, len(projects))
	var calls sync.WaitGroup
	for i, project := range projects {
		s := &surveys[i]
		calls.Go(func() {
			var err error
			if s.metadata, err = c.API.Project(ctx, project); err != nil {
				c.Say(fmt.Sprintf("Whether OS Login is on in project %s is not known: %v", project, err))
			}
		})
		calls.Go(func() {
			profile, err := c.profile(ctx, project)
			if err != nil {
				c.Debug("the OS Login profile in project %s: %v", project, err)
			}
			s.loginUsers = loginUsers(profile)
		})
	}
	for i, f := range c.List(ctx, projects, filter, osLoginSwitch) {
		surveys[i].Finding = f
	}
	calls.Wait()
	return surveys
}

func readRoster(c *cache.Cache, project string) (r roster) {
	if !c.For(cache.Owner{}).Get(rosterKind, project, &r) {
		return nil
	}
	return r
}

// Names are the VMs that are remembered, sorted, as they may be typed: those of the given projects by their name, if that is enough,
// all others in full.
func Names(c *cache.Cache, projects []string) []string {
	var names []string
	for _, key := range c.Keys(placeKind) {
		project, name, _ := strings.Cut(key.Name, "/")
		zone := ""
		if c.For(key.Owner).Get(placeKind, key.Name, &zone) {
			names = append(names, typed(config.Target{Project: project, Zone: zone, Instance: name}, projects, true))
		}
	}
	for _, key := range c.Keys(rosterKind) {
		r := readRoster(c, key.Name)
		count := map[string]int{}
		for _, listed := range r {
			for name := range strings.FieldsSeq(listed) {
				count[name]++
			}
		}
		for zone, listed := range r {
			for name := range strings.FieldsSeq(listed) {
				names = append(names, typed(config.Target{Project: key.Name, Zone: zone, Instance: name}, projects, count[name] == 1))
			}
		}
	}
	// They come from the network, and a shell expands what it is given to complete.
	names = slices.DeleteFunc(names, func(name string) bool { return strings.Trim(name, typeable) != "" })
	slices.Sort(names)
	return slices.Compact(names)
}

// typeable is what a VM's name can have.
const typeable = "abcdefghijklmnopqrstuvwxyz0123456789-.:"

// typed is what to type for a VM, of whose name there is one or there are more in its project.
func typed(t config.Target, projects []string, one bool) string {
	if one && slices.Contains(projects, t.Project) {
		return t.Instance
	}
	return t.FullName()
}
