package googletest

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	exchangePath = "/sts/v1/token"

	// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
	typeAccess    = "urn:ietf:params:oauth:token-type:access_token"
	typeJWT       = "urn:ietf:params:oauth:token-type:jwt"

	audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider"

	// Workload is the principal of tokens that were got by exchange.
	Workload = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/subject/job"
)

// ExternalAccount returns the configuration of a workload identity whose own
// token is written to the file subject, with the right content. Call it after Start.
func (s *Server) ExternalAccount(subject string) ([]byte, error) {
	if err := os.WriteFile(subject, []byte(s.subjectToken), 0o600); err != nil {
		return nil, err
	}
	b, err := json.Marshal(map[string]any{
		"type":               "external_account",
		"audience":           audience,
		"subject_token_type": typeJWT,
		"token_url":          s.URL + exchangePath,
		"credential_source":  map[string]string{"file": subject},
	})
	return b, err
}

// serveExchange takes a workload's token for one of Google's.
func (s *Server) serveExchange(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	s.mu.Lock()
	s.counts.Exchange++
	s.mu.Unlock()
	want := map[string]string{
		"grant_type": grantExchange, "audience": audience, "scope": cloudPlatform,
		"requested_token_type": typeAccess, "subject_token_type": typeJWT,
	}
	for field, value := range want {
		if r.PostFormValue(field) != value {
			(&Refusal{Error: "invalid_request", Description: "Invalid value for " + field}).write(w)
			return
		}
	}
	if strings.TrimSpace(r.PostFormValue("subject_token")) != s.subjectToken {
		(&Refusal{Error: "invalid_grant", Description: "The subject token is not valid"}).write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": s.issueTo(Workload), "issued_token_type": typeAccess, "token_type": "Bearer",
		"expires_in": int(s.lifetime() / time.Second),
	})
}
