package googletest

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	computeService = "compute.googleapis.com"
	computePath    = "/compute/v1/projects/{project}"
	instancePath   = computePath + "/zones/{zone}/instances/{instance}"
)

// Instance is a VM as the fakes know it.
type Instance struct {
	Name, Zone      string
	ID              string    // decimal; AddInstance makes one up if it is empty
	Status          string    // empty: RUNNING
	Created         time.Time // zero: yesterday
	Internal        string    // address; empty: 10.132.0.2
	External        string    // address; empty: none
	Metadata        map[string]string
	GuestAttributes map[string]string // "hostkeys/ssh-ed25519": the value
	ServiceAccount  string            // e-mail
	Windows         bool
	Labels          map[string]string
	Tags            []string
}

// cloud is what the APIs know; Server.mu guards it.
type cloud struct {
	granted     map[string]bool
	disabled    map[string]bool
	failing     map[string]failure
	unreachable []string // zones
	gather      []*gathering
	calls       []string

	projects   map[string]*project
	operations map[string]bool // by name: those that were begun
	nextID     int
	login      login

	authorities map[string]string // of Cloud Run, by region
}

type project struct {
	number    string
	metadata  map[string]string
	instances []*Instance
	workloads map[[3]string]RunWorkload // by type, region and name
	firewall  string                    // JSON
}

func newCloud() cloud {
	return cloud{
		granted: map[string]bool{}, disabled: map[string]bool{}, failing: map[string]failure{},
		projects: map[string]*project{}, operations: map[string]bool{}, nextID: 4242,
		login: login{keys: map[string]loginKey{}}, authorities: map[string]string{},
	}
}

// ComputeURL and the like are base addresses in the form of gcloud's api_endpoint_overrides.
func (s *Server) ComputeURL() string { return s.URL + "/compute/v1/" }
func (s *Server) OSLoginURL() string { return s.URL + "/oslogin/" }

// AddProject makes a project, or replaces it.
func (s *Server) AddProject(id string, metadata map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.nextID++
	s.cloud.projects[id] = &project{number: strconv.Itoa(100_000_000_000 + s.cloud.nextID), metadata: cloneMetadata(metadata), firewall: defaultFirewall}
}

// AddInstance makes a VM in a project that exists, and replaces one of the same name in the same zone. It returns the VM's id.
func (s *Server) AddInstance(inProject string, i Instance) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.ID == "" {
		s.cloud.nextID++
		i.ID = strconv.Itoa(1_000_000_000_000_000_000 + s.cloud.nextID)
	}
	if i.Status == "" {
		i.Status = "RUNNING"
	}
	if i.Created.IsZero() {
		i.Created = time.Now().AddDate(0, 0, -1)
	}
	if i.Internal == "" {
		i.Internal = "10.132.0.2"
	}
	i.Metadata = cloneMetadata(i.Metadata)
	p := s.cloud.projects[inProject]
	p.instances = slices.DeleteFunc(p.instances, func(old *Instance) bool { return old.Name == i.Name && old.Zone == i.Zone })
	p.instances = append(p.instances, &i)
	return i.ID
}

// RemoveInstance deletes a VM.
func (s *Server) RemoveInstance(inProject, zone, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.cloud.projects[inProject]
	p.instances = slices.DeleteFunc(p.instances, func(old *Instance) bool { return old.Name == name && old.Zone == zone })
}

// Publish sets a guest attribute of a VM ("hostkeys/ssh-ed25519"), or with an empty value takes it away.
func (s *Server) Publish(inProject, zone, name, attribute, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.cloud.find(inProject, zone, name)
	i.GuestAttributes = cloneMetadata(i.GuestAttributes)
	i.GuestAttributes[attribute] = value
	if value == "" {
		delete(i.GuestAttributes, attribute)
	}
}

func (c *cloud) find(inProject, zone, name string) *Instance {
	p := c.projects[inProject]
	if p == nil {
		return nil
	}
	for _, i := range p.instances {
		if i.Zone == zone && i.Name == name {
			return i
		}
	}
	return nil
}

// changed tells whoever plays the guest agents.
func (s *Server) changed() {
	if s.OnChange != nil {
		s.OnChange()
	}
}

func (s *Server) computeRoutes(mux *http.ServeMux) {
	route := func(pattern, name string, handle apiHandler) {
		mux.HandleFunc(pattern, s.api(computeService, "compute."+name, handle))
	}
	route("GET "+computePath, "projects.get", getProject)
	route("POST "+computePath+"/setCommonInstanceMetadata", "projects.setCommonInstanceMetadata", setProjectMetadata)
	route("GET "+computePath+"/aggregated/instances", "instances.aggregatedList", listInstances)
	route("GET "+instancePath, "instances.get", getInstance)
	route("GET "+instancePath+"/getGuestAttributes", "instances.getGuestAttributes", getGuestAttributes)
	route("GET "+instancePath+"/getEffectiveFirewalls", "instances.getEffectiveFirewalls", getFirewalls)
	route("POST "+instancePath+"/setMetadata", "instances.setMetadata", setInstanceMetadata)
	route("POST "+computePath+"/zones/{zone}/operations/{operation}/wait", "zoneOperations.wait", waitFor("compute.zoneOperations.get"))
	route("POST "+computePath+"/global/operations/{operation}/wait", "globalOperations.wait", waitFor("compute.globalOperations.get"))
}

// inProject finds the project of a request, if the permission is there. Google does not tell a stranger what exists.
func inProject(s *Server, r *http.Request, permission string) (*project, *apiError) {
	resource := "projects/" + r.PathValue("project")
	if zone := r.PathValue("zone"); zone != "" {
		resource += "/zones/" + zone + "/instances/" + r.PathValue("instance")
	}
	p := s.cloud.projects[r.PathValue("project")]
	if p == nil || !s.cloud.granted[permission] {
		return nil, denied(permission, resource)
	}
	return p, nil
}

// inInstance finds the VM of a request.
func inInstance(s *Server, r *http.Request, permission string) (*project, *Instance, *apiError) {
	if !instanceName.MatchString(r.PathValue("instance")) {
		return nil, nil, invalid("Invalid value for field 'instance': '%s'. Must be a match of regex '[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?|[1-9][0-9]{0,19}'", r.PathValue("instance"))
	}
	p, refusal := inProject(s, r, permission)
	if refusal != nil {
		return nil, nil, refusal
	}
	i := s.cloud.find(r.PathValue("project"), r.PathValue("zone"), r.PathValue("instance"))
	if i == nil {
		return nil, nil, notFound(fmt.Sprintf("projects/%s/zones/%s/instances/%s", r.PathValue("project"), r.PathValue("zone"), r.PathValue("instance")))
	}
	return p, i, nil
}

var instanceName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

func getInstance(s *Server, r *http.Request) (any, func(), *apiError) {
	_, i, refusal := inInstance(s, r, "compute.instances.get")
	if refusal != nil {
		return nil, nil, refusal
	}
	return s.describe(r.PathValue("project"), i), nil, nil
}

// describe is the resource of a VM.
func (s *Server) describe(inProject string, i *Instance) map[string]any {
	nic := map[string]any{"name": "nic0", "networkIP": i.Internal,
		"network": "https://www.googleapis.com/compute/v1/projects/" + inProject + "/global/networks/default"}
	if i.External != "" {
		nic["accessConfigs"] = []map[string]string{{"name": "External NAT", "natIP": i.External}}
	}
	features := []map[string]string{{"type": "VIRTIO_SCSI_MULTIQUEUE"}}
	if i.Windows {
		features = append(features, map[string]string{"type": "WINDOWS"})
	}
	resource := map[string]any{
		"kind": "compute#instance", "id": i.ID, "name": i.Name, "status": i.Status,
		"zone":              "https://www.googleapis.com/compute/v1/projects/" + inProject + "/zones/" + i.Zone,
		"creationTimestamp": i.Created.Format("2006-01-02T15:04:05.000-07:00"),
		"networkInterfaces": []any{nic},
		"metadata":          describeMetadata(i.Metadata),
		"disks":             []any{map[string]any{"boot": true, "guestOsFeatures": features}},
	}
	if i.Labels != nil {
		resource["labels"] = i.Labels
	}
	if i.Tags != nil {
		resource["tags"] = map[string]any{"items": i.Tags, "fingerprint": "42WmSpB8rSM="}
	}
	if i.ServiceAccount != "" {
		resource["serviceAccounts"] = []map[string]string{{"email": i.ServiceAccount}}
	}
	return resource
}

func getGuestAttributes(s *Server, r *http.Request) (any, func(), *apiError) {
	p, i, refusal := inInstance(s, r, "compute.instances.getGuestAttributes")
	if refusal != nil {
		return nil, nil, refusal
	}
	enabled, ok := i.Metadata["enable-guest-attributes"]
	if !ok {
		enabled = p.metadata["enable-guest-attributes"]
	}
	if !strings.EqualFold(enabled, "true") {
		return nil, nil, invalid("Guest attributes endpoint access is disabled.")
	}
	query := r.URL.Query().Get("queryPath")
	var items []map[string]string
	for _, name := range slices.Sorted(maps.Keys(i.GuestAttributes)) {
		namespace, key, _ := strings.Cut(name, "/")
		if strings.HasPrefix(name, query) {
			items = append(items, map[string]string{"namespace": namespace, "key": key, "value": i.GuestAttributes[name]})
		}
	}
	if items == nil {
		return nil, nil, notFound(query)
	}
	return map[string]any{"kind": "compute#guestAttributes", "queryPath": query, "queryValue": map[string]any{"items": items}}, nil, nil
}

func getProject(s *Server, r *http.Request) (any, func(), *apiError) {
	p, refusal := inProject(s, r, "compute.projects.get")
	if refusal != nil {
		return nil, nil, refusal
	}
	return map[string]any{"kind": "compute#project", "name": r.PathValue("project"), "commonInstanceMetadata": describeMetadata(p.metadata)}, nil, nil
}

// begin makes an operation, which is in progress until somebody waits for it.
func (s *Server) begin() map[string]any {
	s.cloud.nextID++
	name := "operation-" + strconv.Itoa(s.cloud.nextID)
	s.cloud.operations[name] = true
	return map[string]any{"kind": "compute#operation", "name": name, "status": "RUNNING"}
}

// waitFor answers that an operation is done: the fake has nothing to wait for.
func waitFor(permission string) apiHandler {
	return func(s *Server, r *http.Request) (any, func(), *apiError) {
		if _, refusal := inProject(s, r, permission); refusal != nil {
			return nil, nil, refusal
		}
		name := r.PathValue("operation")
		if !s.cloud.operations[name] {
			return nil, nil, notFound(name)
		}
		return map[string]any{"kind": "compute#operation", "name": name, "status": "DONE"}, nil, nil
	}
}
