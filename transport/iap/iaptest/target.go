package iaptest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Target is what a client asks to be connected with: an instance, a host of a
// network, or a workload of Cloud Run. What belongs to the others is empty.
type Target struct {
	Project string
	Port    int

	Zone, Instance, Interface string

	Region, Network, Host, Group string

	ProjectNumber, WorkloadType, Deployment, WorkloadInstance, Container string
}

// name is that by which [Server.Handle] knows the target.
func (t Target) name() string {
	switch {
	case t.Deployment != "":
		name, _, _ := strings.Cut(t.Deployment, "/") // of a service, a revision may follow
		return name
	case t.Host != "":
		return t.Host
	}
	return t.Instance
}

// place is what a client has to repeat when it resumes.
func (t Target) place() place { return place{zone: t.Zone, region: t.Region} }

type place struct{ zone, region string }

type mode struct{ marks, needed, optional []string }

// modes are the parameters of each kind of target beside project and port: those
// that must be there, and those that may. Any of marks tells the mode; the last has
// none.
var modes = []mode{
	{
		marks:    []string{"project_number", "cr_workload_type", "cr_deployment_name", "cr_instance_id", "cr_container_id"},
		needed:   []string{"region", "project_number", "cr_workload_type", "cr_deployment_name"},
		optional: []string{"cr_instance_id", "cr_container_id"},
	},
	{
		marks:    []string{"region", "network", "host", "group"},
		needed:   []string{"region", "network", "host"},
		optional: []string{"group"},
	},
	{needed: []string{"zone", "instance", "interface"}},
}

// connect reads the parameters of one of the modes. Those of another count as
// unknown.
func (c *checker) connect(r *http.Request, req *request) {
	query := c.query(r)
	m := modes[slices.IndexFunc(modes, func(m mode) bool { return m.marks == nil || slices.ContainsFunc(m.marks, query.Has) })]
	p := c.parameters(query, slices.Concat([]string{"project", "port"}, m.needed), m.optional)
	t := Target{
		Project: p["project"], Port: c.port(p["port"]),
		Zone: p["zone"], Instance: p["instance"], Interface: p["interface"],
		Region: p["region"], Network: p["network"], Host: p["host"], Group: p["group"],
		ProjectNumber: p["project_number"], WorkloadType: p["cr_workload_type"], Deployment: p["cr_deployment_name"],
		WorkloadInstance: p["cr_instance_id"], Container: p["cr_container_id"],
	}
	c.workload(t)
	c.relayOf(r.Host, t)
	req.target, req.place = t, t.place()
}

func (c *checker) query(r *http.Request) url.Values {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		c.fault(http.StatusBadRequest, BadParameter, "%v", err)
	}
	return query
}

func (c *checker) port(text string) int {
	port, err := strconv.ParseUint(text, 10, 16)
	if text != "" && (err != nil || port == 0) {
		c.fault(http.StatusBadRequest, BadParameter, "port %q", text)
	}
	return int(port)
}

// workload checks what only Cloud Run has.
func (c *checker) workload(t Target) {
	if t.Deployment == "" {
		return
	}
	if t.Port != 22 {
		c.fault(http.StatusBadRequest, BadParameter, "port %d of a workload", t.Port)
	}
	if !slices.Contains([]string{"service", "job", "worker_pool"}, t.WorkloadType) {
		c.fault(http.StatusBadRequest, BadParameter, "cr_workload_type %q", t.WorkloadType)
	}
	if strings.Trim(t.ProjectNumber, "0123456789") != "" {
		c.fault(http.StatusBadRequest, BadParameter, "project_number %q", t.ProjectNumber)
	}
}

// relayOf checks, where the Host tells, that the relay is the one which serves the
// target: Cloud Run has relays of its own, one in each region.
func (c *checker) relayOf(host string, t Target) {
	region, ofRun := strings.CutSuffix(hostname(host), runDomain)
	ofAll := hostname(host) == relayHost || hostname(host) == mtlsHost
	if t.Deployment != "" && ofAll || ofRun && (t.Deployment == "" || t.Region != region) {
		c.fault(http.StatusNotFound, WrongRelay, "%s", host)
	}
}

// reconnect reads the parameters that resume a session, with the place of its
// target.
func (c *checker) reconnect(r *http.Request, req *request) {
	query := c.query(r)
	where := "zone"
	if query.Has("region") {
		where = "region"
	}
	p := c.parameters(query, []string{"sid", "ack", where}, nil)
	req.resume, req.sid, req.place = true, p["sid"], place{zone: p["zone"], region: p["region"]}
	ack, err := strconv.ParseUint(p["ack"], 10, 64)
	if p["ack"] != "" && err != nil {
		c.fault(http.StatusBadRequest, BadParameter, "ack %q", p["ack"])
	}
	req.ack = ack
}
