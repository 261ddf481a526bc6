package googletest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Calls and permissions, by Google's names.
const (
	permissionTunnel = "iap.tunnelInstances.accessViaIAP"
	permissionGroup  = "iap.tunnelDestGroups.accessViaIAP"
	permissionActAs  = "iam.serviceAccounts.actAs"
)

// AllPermissions are those that the fakes ask for.
func AllPermissions() []string {
	return []string{
		permissionTunnel, permissionGroup, permissionActAs,
		"compute.instances.list", "compute.instances.get", "compute.instances.getGuestAttributes", "compute.instances.setMetadata",
		"compute.instances.getEffectiveFirewalls",
		"compute.projects.get", "compute.projects.setCommonInstanceMetadata",
		"compute.zoneOperations.get", "compute.globalOperations.get",
		"compute.instances.osLogin",
		"run.services.get", "run.jobs.get", "run.workerpools.get", "run.instances.get",
	}
}

// Grant gives permissions to whoever holds a token of this server, in every project. In the beginning nobody has any.
func (s *Server) Grant(permissions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range permissions {
		s.cloud.granted[p] = true
	}
}

// Revoke takes permissions away.
func (s *Server) Revoke(permissions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range permissions {
		delete(s.cloud.granted, p)
	}
}

// Disable switches an API off, by its name ("oslogin.googleapis.com"), in every project.
func (s *Server) Disable(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.disabled[service] = true
}

// Enable switches it on again.
func (s *Server) Enable(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cloud.disabled, service)
}

// Fail has the next calls of a name ("compute.instances.get") answered with an HTTP status in place of what they ask.
func (s *Server) Fail(call string, status, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.failing[call] = failure{status, times}
}

// Unreach has listings say of zones that they cannot be asked.
func (s *Server) Unreach(zones ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.unreachable = zones
}

type failure struct{ status, times int }

// Gather has the next n API calls wait for each other, so that none is answered unless all are made at once.
func (s *Server) Gather(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.gather = append(s.cloud.gather, &gathering{missing: n, complete: make(chan struct{})})
}

// gathering is one group of calls.
type gathering struct {
	missing  int
	complete chan struct{} // closed when the last has come
}

// Calls lists the API calls until now, by name, in the order in which they came. Those of the token endpoint are in Counts.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cloud.calls)
}

// ForgetCalls begins the list anew.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.calls = nil
}

// apiError is a refusal in Google's words.
type apiError struct {
	status  int
	reason  string // compute's
	name    string // the others': "PERMISSION_DENIED"
	message string
	info    map[string]any // an ErrorInfo; nil: none
}

func notFound(what string) *apiError {
	return &apiError{status: 404, reason: "notFound", name: "NOT_FOUND", message: fmt.Sprintf("The resource '%s' was not found", what)}
}

func invalid(format string, args ...any) *apiError {
	return &apiError{status: 400, reason: "invalid", name: "INVALID_ARGUMENT", message: fmt.Sprintf(format, args...)}
}

// denied is the refusal for want of a permission.
func denied(permission, resource string) *apiError {
	return &apiError{status: 403, reason: "forbidden", name: "PERMISSION_DENIED",
		message: fmt.Sprintf("Required '%s' permission for '%s'", permission, resource)}
}

func (e *apiError) write(w http.ResponseWriter, compute bool) {
	body := map[string]any{"code": e.status, "message": e.message}
	if compute {
		body["errors"] = []map[string]string{{"message": e.message, "domain": "global", "reason": e.reason}}
	} else {
		body["status"] = e.name
	}
	if e.info != nil {
		body["details"] = []map[string]any{e.info}
		body["status"] = e.name
	}
	writeJSON(w, e.status, map[string]any{"error": body})
}

// An apiHandler answers one call, with s.mu held. after, if not nil, is run without it once the answer is decided.
type apiHandler func(s *Server, r *http.Request) (answer any, after func(), refusal *apiError)

// api wraps a call: who asks, whether the API is on, what goes wrong on purpose, who waits for whom.
func (s *Server) api(service, name string, handle apiHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4<<20)
		answer, after, refusal, group := s.serveCall(service, name, handle, r)
		if group != nil {
			select {
			case <-group:
			case <-r.Context().Done():
			}
		}
		select {
		case <-time.After(s.APIDelay):
		case <-r.Context().Done():
		}
		if after != nil {
			after()
		}
		if refusal != nil {
			refusal.write(w, service == computeService)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

func (s *Server) serveCall(service, name string, handle apiHandler, r *http.Request) (answer any, after func(), refusal *apiError, group chan struct{}) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	valid := s.Valid(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cloud.calls = append(s.cloud.calls, name)
	if len(s.cloud.gather) > 0 {
		g := s.cloud.gather[0]
		group = g.complete
		if g.missing--; g.missing == 0 {
			close(g.complete)
			s.cloud.gather = s.cloud.gather[1:]
		}
	}
	if f := s.cloud.failing[name]; f.times > 0 {
		s.cloud.failing[name] = failure{f.status, f.times - 1}
		return nil, nil, &apiError{status: f.status, reason: "backendError", name: "UNAVAILABLE", message: "Try again later."}, group
	}
	switch {
	case !valid:
		return nil, nil, &apiError{status: 401, reason: "authError", name: "UNAUTHENTICATED", message: "Request had invalid authentication credentials."}, group
	case s.cloud.disabled[service]:
		return nil, nil, disabled(service), group
	case r.Header.Get("X-Goog-User-Project") != "" && s.cloud.projects[r.Header.Get("X-Goog-User-Project")] == nil:
		return nil, nil, quotaDenied(r.Header.Get("X-Goog-User-Project")), group
	}
	answer, after, refusal = handle(s, r)
	return answer, after, refusal, group
}

func disabled(service string) *apiError {
	return &apiError{status: 403, reason: "accessNotConfigured", name: "PERMISSION_DENIED",
		message: service + " has not been used in project lab-project before or it is disabled.",
		info: map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com",
			"metadata": map[string]string{"service": service, "consumer": "projects/lab-project"}}}
}

func quotaDenied(project string) *apiError {
	return &apiError{status: 403, reason: "forbidden", name: "PERMISSION_DENIED",
		message: "Caller does not have required permission to use project " + project + ".",
		info: map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "USER_PROJECT_DENIED", "domain": "googleapis.com",
			"metadata": map[string]string{"consumer": "projects/" + project}}}
}
