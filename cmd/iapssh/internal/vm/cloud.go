package vm

import (
	"context"
	"slices"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// Cloud is Google's side as one account sees it. API, Account, Say and Debug are required.
type Cloud struct {
	API   *gce.Client
	Cache *cache.Cache // nil: nothing is remembered
	// Ask asks the user on the terminal and returns one line; nil where nothing may be asked.
	Ask func(ctx context.Context, prompt string) (string, error)
	// Account returns the e-mail of who asks; empty if that is not known.
	Account func(ctx context.Context) string
	Say     func(line string) // to the user, who need not read it
	Debug   func(format string, args ...any)

	found gce.Instance // by the latest Locate, before any Inquire; zero: none
	fresh bool         // found was read for the Address that is asked for next
}

// Forget drops what is remembered of some VMs, as far as they are named, or without any everything that is remembered at all.
func Forget(c *cache.Cache, vms []config.Target) (removed int, err error) {
	return c.Forget(func(key cache.Key) bool {
		if len(vms) == 0 {
			return true
		}
		for _, t := range vms {
			if isAbout(key, t) || key.Kind == rosterKind && isOn(readRoster(c, key.Name), key.Name, t) {
				return true
			}
		}
		return false
	})
}

// isOn says that a VM may be one of a project's roster.
func isOn(r roster, project string, t config.Target) bool {
	for zone := range r {
		if r.has(zone, t.Instance) && (t.Zone == "" || t.Zone == zone) {
			return t.Project == "" || t.Project == project
		}
	}
	return false
}

// isAbout says that an entry is about a VM. The names of such entries are PROJECT/INSTANCE and PROJECT/ZONE/INSTANCE; of
// lookups there may be several projects, and no zone; of workloads of Cloud Run they are PROJECT/REGION/TYPE/NAME.
func isAbout(key cache.Key, t config.Target) bool {
	parts := strings.Split(key.Name, "/")
	if !slices.Contains([]string{placeKind, lookupKind, factsKind, keyKind, pushKind, certificateKind, workloadKind}, key.Kind) || parts[len(parts)-1] != t.Instance {
		return false
	}
	if t.Project != "" && !slices.Contains(strings.Fields(parts[0]), t.Project) {
		return false
	}
	return len(parts) != 3 || t.Zone == "" || parts[1] == "" || parts[1] == t.Zone
}
