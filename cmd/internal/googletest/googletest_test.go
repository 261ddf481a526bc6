package googletest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is what the token endpoint says, good or bad.
type answer struct {
	Status       int    `json:"-"`
	AccessToken  string `json:"access_token"`
	ExpiresIn    int    `json:"expires_in"`
	TokenType    string `json:"token_type"`
	Error        string `json:"error"`
	ErrorSubtype string `json:"error_subtype"`
}

func post(t *testing.T, s *Server, form url.Values) answer {
	t.Helper()
	resp, err := s.Client().PostForm(s.TokenURL(), form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Status: resp.StatusCode}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(body, &a); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func refreshForm(t *testing.T, s *Server) url.Values {
	t.Helper()
	var file map[string]string
	if err := json.Unmarshal(s.AuthorizedUser(), &file); err != nil {
		t.Fatal(err)
	}
	return url.Values{
		"grant_type":    {"refresh_token"},
		"client_id":     {file["client_id"]},
		"client_secret": {file["client_secret"]},
		"refresh_token": {file["refresh_token"]},
	}
}

func TestRefreshGrant(t *testing.T) {
	tests := []struct {
		name   string
		change func(url.Values)
		want   answer
	}{
		{"good", func(url.Values) {}, answer{Status: 200}},
		{"wrong secret", func(f url.Values) { f.Set("client_secret", "x") }, answer{Status: 401, Error: "invalid_client"}},
		{"wrong client", func(f url.Values) { f.Set("client_id", "x") }, answer{Status: 401, Error: "invalid_client"}},
		{"wrong token", func(f url.Values) { f.Set("refresh_token", "x") }, answer{Status: 400, Error: "invalid_grant"}},
		{"no token", func(f url.Values) { f.Del("refresh_token") }, answer{Status: 400, Error: "invalid_grant"}},
		{"no grant", func(f url.Values) { f.Del("grant_type") }, answer{Status: 400, Error: "unsupported_grant_type"}},
	}
	s := NewServer()
	defer s.Close()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form := refreshForm(t, s)
			tt.change(form)
			got := post(t, s, form)
			if got.Status != tt.want.Status || got.Error != tt.want.Error {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if issued := got.AccessToken != ""; issued != (tt.want.Status == 200) || issued != s.Valid(got.AccessToken) {
				t.Errorf("access token %q, valid %v", got.AccessToken, s.Valid(got.AccessToken))
			}
		})
	}
	if got, want := s.Counts(), (Counts{All: 6, Token: 6, Refused: 5}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

func sign(t *testing.T, key *rsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	var parts []string
	for _, part := range []map[string]any{header, claims} {
		b, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(b))
	}
	text := strings.Join(parts, ".")
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestJWTGrant(t *testing.T) {
	s := NewServer()
	defer s.Close()
	key := theServiceKey()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	type parts struct {
		key            *rsa.PrivateKey
		header, claims map[string]any
		mangle         func(string) string
	}
	tests := []struct {
		name   string
		change func(*parts)
		want   int
	}{
		{"good", func(*parts) {}, 200},
		{"clock a little off", func(p *parts) { p.claims["iat"], p.claims["exp"] = ago(-time.Minute), ago(-time.Hour) }, 200},
		{"another key", func(p *parts) { p.key = stranger }, 400},
		{"another key's id", func(p *parts) { p.header["kid"] = "x" }, 400},
		{"algorithm none", func(p *parts) { p.header["alg"] = "none" }, 400},
		{"issuer", func(p *parts) { p.claims["iss"] = "mallory@example.com" }, 400},
		{"audience", func(p *parts) { p.claims["aud"] = "https://oauth2.googleapis.com/token" }, 400},
		{"scope", func(p *parts) { p.claims["scope"] = "openid" }, 400},
		{"expired", func(p *parts) { p.claims["iat"], p.claims["exp"] = ago(2*time.Hour), ago(time.Hour) }, 400},
		{"from the future", func(p *parts) { p.claims["iat"], p.claims["exp"] = ago(-time.Hour), ago(-2*time.Hour) }, 400},
		{"too long", func(p *parts) { p.claims["exp"] = ago(-2 * time.Hour) }, 400},
		{"no expiry", func(p *parts) { delete(p.claims, "exp") }, 400},
		{"two parts", func(p *parts) { p.mangle = func(j string) string { return j[:strings.LastIndex(j, ".")] } }, 400},
		{"empty", func(p *parts) { p.mangle = func(string) string { return "" } }, 400},
		{"not base64", func(p *parts) { p.mangle = func(j string) string { return "!" + j } }, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := parts{
				key:    key.private,
				header: map[string]any{"alg": "RS256", "typ": "JWT", "kid": key.id},
				claims: map[string]any{
					"iss": s.ServiceEmail, "aud": s.TokenURL(), "scope": cloudPlatform,
					"iat": ago(10 * time.Second), "exp": ago(-50 * time.Minute),
				},
				mangle: func(j string) string { return j },
			}
			tt.change(&p)
			assertion := p.mangle(sign(t, p.key, p.header, p.claims))
			got := post(t, s, url.Values{"grant_type": {grantJWT}, "assertion": {assertion}})
			if got.Status != tt.want || (got.Status == 400) != (got.Error == "invalid_grant") {
				t.Errorf("got %+v, want status %d", got, tt.want)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	s := NewServer()
	defer s.Close()
	for _, r := range []Refusal{
		{Error: "invalid_grant"},
		{Error: "invalid_grant", Subtype: "invalid_rapt"},
		{Status: 503},
	} {
		s.Refuse(r)
		got := post(t, s, refreshForm(t, s))
		want := answer{Status: max(r.Status, 400), Error: r.Error, ErrorSubtype: r.Subtype}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	s.Allow()
	if got := post(t, s, refreshForm(t, s)); got.Status != 200 {
		t.Errorf("after Allow: %+v", got)
	}
	resp, err := s.Client().Get(s.TokenURL())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", resp.Status)
	}
}

func TestTokensExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewUnstartedServer()
		s.TokenLifetime = time.Minute
		s.TokenDelay = time.Second
		s.StartInMemory()
		defer s.Close()
		start := time.Now()
		got := post(t, s, refreshForm(t, s))
		if took := time.Since(start); took != time.Second || got.ExpiresIn != 60 || got.TokenType != "Bearer" {
			t.Fatalf("%+v after %v", got, took)
		}
		other := s.Issue()
		s.Expire(other)
		time.Sleep(59 * time.Second)
		if !s.Valid(got.AccessToken) || s.Valid(other) || s.Valid("") || s.Valid("never issued") {
			t.Error("Valid does not tell tokens apart")
		}
		time.Sleep(time.Second)
		if s.Valid(got.AccessToken) {
			t.Error("valid past its lifetime")
		}
	})
}

func TestTLS(t *testing.T) {
	s := NewUnstartedServer()
	s.StartTLS()
	defer s.Close()
	if got := post(t, s, refreshForm(t, s)); got.Status != 200 {
		t.Errorf("%+v", got)
	}
	stranger := &http.Client{Transport: &http.Transport{}}
	_, err := stranger.PostForm(s.TokenURL(), nil)
	if ue := (*url.Error)(nil); !errors.As(err, &ue) {
		t.Errorf("a client that does not trust the server got %v", err)
	}
}

func TestSecrets(t *testing.T) {
	s := NewUnstartedServer()
	s.OmitAccount = true
	s.StartInMemory()
	user, robot := string(s.AuthorizedUser()), string(s.ServiceAccount())
	if strings.Contains(user, s.Account) || !strings.Contains(robot, s.ServiceEmail) {
		t.Errorf("identities: %s %s", user, robot)
	}
	token := s.Issue()
	all := user + robot + token
	secrets := s.Secrets()
	for _, secret := range secrets {
		if !strings.Contains(all, secret) {
			t.Errorf("%q is in no file", secret)
		}
	}
	if len(secrets) < 20 || secrets[len(secrets)-1] != token {
		t.Errorf("%d secrets", len(secrets))
	}
}
