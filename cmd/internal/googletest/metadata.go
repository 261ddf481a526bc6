package googletest

import (
	"io"
	"net/http"
	"time"
)

// serveMetadata plays the metadata server of a VM that runs as ServiceEmail:
// https://cloud.google.com/compute/docs/metadata/querying-metadata
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.counts.Metadata++
	s.mu.Unlock()
	w.Header().Set("Metadata-Flavor", "Google")
	if r.Header.Get("Metadata-Flavor") != "Google" || r.Header.Get("X-Forwarded-For") != "" {
		http.Error(w, "Missing required header: Metadata-Flavor", http.StatusForbidden)
		return
	}
	const account = "instance/service-accounts/default/"
	switch r.PathValue("path") {
	case account + "email":
		_, _ = io.WriteString(w, s.ServiceEmail) // a client that went away has no use for the error
	case account + "token":
		writeJSON(w, http.StatusOK, map[string]any{
			"access_token": s.issueTo(s.ServiceEmail), "expires_in": int(s.lifetime() / time.Second), "token_type": "Bearer",
		})
	case "project/project-id":
		_, _ = io.WriteString(w, "lab-project")
	default:
		http.NotFound(w, r)
	}
}
