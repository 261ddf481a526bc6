package googletest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	tokenPath = "/token"

	grantRefresh = "refresh_token"
	grantJWT     = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523

	// The scope that iapssh asks for, the only one a JWT may carry here.
	cloudPlatform = "https://www.googleapis.com/auth/cloud-platform"

	// Google accepts clocks that differ by a little, and no assertion that
	// lives longer than an hour.
	clockSkew       = 5 * time.Minute
	assertionMaxAge = time.Hour
)

// Refusal is an answer of the token endpoint that gives no token. With Error
// set it is the JSON of RFC 6749 section 5.2 plus Google's error_subtype
// ("invalid_rapt" and "rapt_required" ask the user to sign in again); without
// it is an HTML page, as a front end in trouble sends.
type Refusal struct {
	Status      int // 0 means 400
	Error       string
	Subtype     string
	Description string
}

// Refuse makes the token endpoint answer every request with r until Allow.
func (s *Server) Refuse(r Refusal) { s.RefuseNext(-1, r) }

// RefuseNext is Refuse for the next n requests.
func (s *Server) RefuseNext(n int, r Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal, s.refusals = &r, n
}

// SignInAgain gives the account a new refresh token; the former is no longer good.
func (s *Server) SignInAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent = append(s.spent, s.refreshToken)
	s.refreshToken = "1//" + rand.Text()
	s.refusal = nil
}

// Allow ends what Refuse began.
func (s *Server) Allow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = nil
}

// Issue returns a new access token, as if Account had asked for it.
func (s *Server) Issue() string { return s.issueTo(s.Account) }

func (s *Server) issueTo(principal string) string {
	token := "ya29.fake-" + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued[token] = time.Now().Add(s.lifetime())
	s.holders[token] = principal
	return token
}

// Holder returns whose a token is, if it is valid.
func (s *Server) Holder(token string) (principal string, ok bool) {
	valid := s.Valid(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holders[token], valid
}

// Valid reports whether token was issued here and has not expired.
func (s *Server) Valid(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	expiry, ok := s.issued[token]
	return ok && time.Now().Before(expiry)
}

// Expire makes token invalid from now on.
func (s *Server) Expire(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.issued[token]; ok {
		s.issued[token] = time.Time{}
	}
}

// ExpireAll does that to all tokens.
func (s *Server) ExpireAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.issued {
		s.issued[token] = time.Time{}
	}
}

func (s *Server) lifetime() time.Duration {
	if s.TokenLifetime == 0 {
		return time.Hour
	}
	return s.TokenLifetime
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(s.TokenDelay):
	case <-r.Context().Done():
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	holder, refusal := s.judge(r)

	s.mu.Lock()
	s.counts.Token++
	if s.refusal != nil {
		refusal = s.refusal
		if s.refusals--; s.refusals == 0 {
			s.refusal = nil
		}
	}
	if refusal != nil {
		s.counts.Refused++
	}
	s.mu.Unlock()

	if refusal != nil {
		refusal.write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": s.issueTo(holder),
		"expires_in":   int(s.lifetime() / time.Second),
		"scope":        cloudPlatform,
		"token_type":   "Bearer",
	})
}

// judge returns whom a request deserves a token for, or why it does not.
func (s *Server) judge(r *http.Request) (holder string, refusal *Refusal) {
	if err := r.ParseForm(); err != nil {
		return "", &Refusal{Error: "invalid_request"}
	}
	form := r.PostForm
	switch form.Get("grant_type") {
	case grantRefresh:
		if form.Get("client_id") != s.clientID || form.Get("client_secret") != s.clientSecret {
			return "", &Refusal{Status: http.StatusUnauthorized, Error: "invalid_client", Description: "Unauthorized"}
		}
		if form.Get("refresh_token") != s.currentRefreshToken() {
			return "", &Refusal{Error: "invalid_grant", Description: "Bad Request"}
		}
		return s.Account, nil
	case grantJWT:
		if err := s.verifyAssertion(form.Get("assertion")); err != nil {
			return "", &Refusal{Error: "invalid_grant", Description: "Invalid JWT: " + err.Error()}
		}
		return s.ServiceEmail, nil
	default:
		return "", &Refusal{Error: "unsupported_grant_type", Description: "Invalid grant_type"}
	}
}

func (s *Server) currentRefreshToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refreshToken
}

// verifyAssertion checks a JWT (RFC 7519, RFC 7523 section 3) as the token
// endpoint does for service accounts.
func (s *Server) verifyAssertion(assertion string) error {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return fmt.Errorf("%d parts instead of 3", len(parts))
	}
	var header struct{ Alg, Kid string }
	var claims struct {
		Iss, Aud, Scope string
		Iat, Exp        int64
	}
	if err := decodeSegment(parts[0], &header); err != nil {
		return fmt.Errorf("header: %v", err)
	}
	if err := decodeSegment(parts[1], &claims); err != nil {
		return fmt.Errorf("claims: %v", err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return fmt.Errorf("signature: %v", err)
	}
	key := theServiceKey()
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	now, iat, exp := time.Now(), time.Unix(claims.Iat, 0), time.Unix(claims.Exp, 0)
	switch {
	case header.Alg != "RS256" || header.Kid != key.id:
		return fmt.Errorf("algorithm %q, key %q", header.Alg, header.Kid)
	case rsa.VerifyPKCS1v15(&key.private.PublicKey, crypto.SHA256, digest[:], signature) != nil:
		return fmt.Errorf("signature does not match")
	case claims.Iss != s.ServiceEmail:
		return fmt.Errorf("issuer %q", claims.Iss)
	case claims.Aud != s.TokenURL():
		return fmt.Errorf("audience %q", claims.Aud)
	case claims.Scope != cloudPlatform:
		return fmt.Errorf("scope %q", claims.Scope)
	case iat.After(now.Add(clockSkew)) || exp.Before(now.Add(-clockSkew)):
		return fmt.Errorf("not valid now: from %v to %v", iat, exp)
	case exp.Sub(iat) > assertionMaxAge:
		return fmt.Errorf("valid for %v", exp.Sub(iat))
	}
	return nil
}

func decodeSegment(segment string, into any) error {
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (r *Refusal) write(w http.ResponseWriter) {
	status := r.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	if r.Error == "" {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<!DOCTYPE html><title>Error %d</title><p>%s", status, r.Description)
		return
	}
	body := map[string]string{"error": r.Error}
	if r.Subtype != "" {
		body["error_subtype"] = r.Subtype
	}
	if r.Description != "" {
		body["error_description"] = r.Description
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// A client that went away has no use for the error.
	_ = json.NewEncoder(w).Encode(body)
}
