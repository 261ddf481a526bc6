package googletest

import (
	"fmt"
	"net/http"
	"strings"
)

const runService = "run.googleapis.com"

// RunWorkload is one of Cloud Run as the fakes know it.
type RunWorkload struct {
	Type           string // service, job, worker_pool or instance
	Name, Region   string
	ServiceAccount string         // e-mail
	Traffic        map[string]int // of a service: revision -> percent
	FirstGen       bool
}

// RunURL is like ComputeURL. Google has an address for each region; of one that is overridden the region is not checked.
func (s *Server) RunURL() string { return s.URL + "/" }

// AddRunWorkload makes a workload in a project that exists, and replaces one of the same name, type and region.
func (s *Server) AddRunWorkload(inProject string, w RunWorkload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.cloud.projects[inProject]
	if p.workloads == nil {
		p.workloads = map[[3]string]RunWorkload{}
	}
	p.workloads[[3]string{w.Type, w.Region, w.Name}] = w
}

// ShareTraffic gives a service other revisions.
func (s *Server) ShareTraffic(inProject, region, service string, traffic map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [3]string{"service", region, service}
	w := s.cloud.projects[inProject].workloads[key]
	w.Traffic = traffic
	s.cloud.projects[inProject].workloads[key] = w
}

// PublishAuthorities says whose signature the host keys of a region's workloads bear, "TYPE BASE64" each; none: the region has
// no such file.
func (s *Server) PublishAuthorities(region string, keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.authorities[region] = strings.Join(keys, "\n")
}

// ProjectNumber is a project's.
func (s *Server) ProjectNumber(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cloud.projects[id].number
}

func (s *Server) runRoutes(mux *http.ServeMux) {
	for kind, at := range map[string][2]string{
		"service": {"serving.knative.dev", "services"}, "job": {"run.googleapis.com", "jobs"},
		"worker_pool": {"run.googleapis.com", "workerpools"}, "instance": {"run.googleapis.com", "instances"},
	} {
		mux.HandleFunc("GET /apis/"+at[0]+"/v1/namespaces/{project}/"+at[1]+"/{name}",
			s.api(runService, "run."+at[1]+".get", describeWorkload(kind, "run."+at[1]+".get")))
	}
	mux.HandleFunc("GET /cloud-run/ssh-ca-public-keys/{file}", s.serveAuthorities)
}

// serveAuthorities is a public file: nobody needs a token, and who sends one gives it away.
func (s *Server) serveAuthorities(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.calls = append(s.cloud.calls, "gstatic."+r.PathValue("file"))
	region := strings.TrimSuffix(strings.TrimPrefix(r.PathValue("file"), "keys-"), ".pub")
	keys := s.cloud.authorities[region]
	switch {
	case r.Header.Get("Authorization") != "":
		http.Error(w, "a token has no business here", http.StatusTeapot)
	case r.PathValue("file") != "keys-"+region+".pub" || keys == "":
		http.NotFound(w, r)
	default:
		fmt.Fprintln(w, keys)
	}
}

// describeWorkload answers in Knative's shape. A project is a namespace, in the answer by its number.
func describeWorkload(kind, permission string) apiHandler {
	return func(s *Server, r *http.Request) (any, func(), *apiError) {
		p, refusal := inProject(s, r, permission)
		if refusal != nil {
			return nil, nil, refusal
		}
		region, regional := strings.CutSuffix(strings.Replace(r.Host, ".mtls.", ".", 1), "-"+runService)
		for _, w := range p.workloads {
			if w.Type == kind && w.Name == r.PathValue("name") && (!regional || w.Region == region) {
				return w.describe(p.number), nil, nil
			}
		}
		return nil, nil, notFound(r.PathValue("name"))
	}
}

func (w RunWorkload) describe(number string) map[string]any {
	annotations := map[string]string{}
	if w.FirstGen {
		annotations["run.googleapis.com/execution-environment"] = "gen1"
	}
	account := map[string]any{"serviceAccountName": w.ServiceAccount}
	template := map[string]any{"metadata": map[string]any{"annotations": annotations}, "spec": account}
	spec := map[string]any{"template": template}
	switch w.Type {
	case "job":
		template["spec"] = map[string]any{"template": map[string]any{"spec": account}}
	case "instance":
		spec = account
	}
	var traffic []map[string]any
	for revision, percent := range w.Traffic {
		traffic = append(traffic, map[string]any{"revisionName": revision, "percent": percent})
	}
	return map[string]any{
		"metadata": map[string]any{"name": w.Name, "namespace": number, "labels": map[string]string{"cloud.googleapis.com/location": w.Region}},
		"spec":     spec, "status": map[string]any{"traffic": traffic},
	}
}

// resourceName is what OS Login knows a workload by. Instances go among the services.
func (w RunWorkload) resourceName(inProject string) string {
	plural := map[string]string{"service": "services", "job": "jobs", "worker_pool": "workerPools", "instance": "services"}[w.Type]
	return fmt.Sprintf("projects/%s/locations/%s/%s/%s", inProject, w.Region, plural, w.Name)
}
