package config

import (
	"slices"
	"strings"
)

// An Endpoint is where a forwarding leads: a port of a host, by a name that the far
// side resolves, or a socket there. The zero Endpoint is none.
type Endpoint struct {
	Host string
	Port int
	Path string // of a unix socket, in place of the others
}

// A Target is one VM behind IAP; with Region or another of its line, a host of a
// network; with a type of workload, a workload of Cloud Run in Region.
type Target struct {
	Project   string // empty if it is one of Plan.Projects
	Zone      string // empty if it must be looked up
	Instance  string // or the host's name or address, or the workload's name
	Interface string // of a VM; "nic0" unless told otherwise
	Port      int

	Region, Network, DestGroup string

	Workload Workload
}

// A Workload says which container of Cloud Run a Target is.
type Workload struct {
	Type                string // "service", "job", "worker_pool", "instance"
	ProjectNumber       string
	Instance, Container string // may be empty
}

// IsVM says that the target is an instance, which has a zone.
func (t Target) IsVM() bool {
	return t.Workload.Type == "" && t.Region == "" && t.Network == "" && t.DestGroup == ""
}

// FullName tells the target from all others: VM.ZONE.PROJECT,
// HOST.NETWORK.REGION.PROJECT or WORKLOAD.REGION.PROJECT. What is not known yet is left out.
func (t Target) FullName() string {
	parts := []string{t.Instance, t.Network, t.Region, t.Project}
	switch {
	case t.Workload.Type != "":
		parts = []string{t.Instance, t.Region, t.Project}
	case t.IsVM():
		parts = []string{t.Instance, t.Zone, t.Project}
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ".")
}

// complete says that nothing needs to be looked up.
func (t Target) complete() bool {
	switch {
	case t.Workload.Type != "":
		return t.Workload.ProjectNumber != "" && !t.WantsRevision()
	case t.IsVM():
		return t.Project != "" && t.Zone != ""
	}
	return t.Project != ""
}

// WantsRevision says that the target is a service of Cloud Run of which no
// revision is named.
func (t Target) WantsRevision() bool {
	return t.Workload.Type == "service" && !strings.Contains(t.Instance, "/")
}
