package googletest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// AllowActAs lets a principal make tokens of a service account, as the role
// roles/iam.serviceAccountTokenCreator on it does.
func (s *Server) AllowActAs(principal, serviceAccount string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actors[[2]string{principal, serviceAccount}] = true
}

// serveGenerate is generateAccessToken:
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
func (s *Server) serveGenerate(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	s.mu.Lock()
	s.counts.Generate++
	s.reasons = append(s.reasons, r.Header.Get("X-Goog-Request-Reason"))
	s.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	holder, ok := s.Holder(token)
	if !ok {
		refuseCall(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
		return
	}
	if quota := r.Header.Get("X-Goog-User-Project"); quota != "" && quota != "lab-project" {
		refuseCall(w, http.StatusForbidden, "PERMISSION_DENIED", "Caller does not have required permission to use project "+quota+".")
		return
	}
	target, ok := strings.CutSuffix(r.PathValue("call"), ":generateAccessToken")
	if !ok {
		refuseCall(w, http.StatusNotFound, "NOT_FOUND", "no such method")
		return
	}
	delegates, life, problem := readGenerate(r)
	if problem != "" {
		refuseCall(w, http.StatusBadRequest, "INVALID_ARGUMENT", problem)
		return
	}
	for _, next := range append(delegates, "projects/-/serviceAccounts/"+target) {
		account, ok := strings.CutPrefix(next, "projects/-/serviceAccounts/")
		if !ok || !s.mayActAs(holder, account) {
			refuseCall(w, http.StatusForbidden, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).")
			return
		}
		holder = account
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"accessToken": s.issueTo(target), "expireTime": time.Now().Add(min(life, s.lifetime())).UTC().Format(time.RFC3339),
	})
}

// readGenerate reads the body of a request: through whom the token goes, and for how long it is wanted.
func readGenerate(r *http.Request) (delegates []string, life time.Duration, problem string) {
	var request struct {
		Delegates []string `json:"delegates"`
		Scope     []string `json:"scope"`
		Lifetime  string   `json:"lifetime"`
	}
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	if err := body.Decode(&request); err != nil {
		return nil, 0, err.Error()
	}
	life, err := time.ParseDuration(request.Lifetime)
	switch {
	case err != nil || !strings.HasSuffix(request.Lifetime, "s") || life <= 0 || life > time.Hour:
		return nil, 0, "Invalid lifetime"
	case !slices.Equal(request.Scope, []string{cloudPlatform}):
		return nil, 0, "Invalid scope"
	}
	return request.Delegates, life, ""
}

func (s *Server) mayActAs(principal, serviceAccount string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.actors[[2]string{principal, serviceAccount}]
}

// Reasons lists the X-Goog-Request-Reason of the requests for service accounts'
// tokens, "" where there was none.
func (s *Server) Reasons() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reasons)
}

// refuseCall writes an error as most of Google's APIs do.
func refuseCall(w http.ResponseWriter, status int, name, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": status, "status": name, "message": message}})
}
