package creds

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

func TestFilesOfGoogletest(t *testing.T) {
	google := googletest.NewUnstartedServer()
	google.StartTLS()
	defer google.Close()
	for _, file := range [][]byte{google.AuthorizedUser(), google.ServiceAccount()} {
		s := mustFind(t, withFile(file, google.Client()))
		if token := mustToken(t, s, ""); !google.Valid(token) {
			t.Errorf("%s got %q", s.Principal(), token)
		}
	}
}

func TestRefusals(t *testing.T) { synctest.Test(t, testRefusals) }

func testRefusals(t *testing.T) {
	google := googletest.NewUnstartedServer()
	google.StartInMemory()
	// Whoever answers may repeat whatever it was sent.
	echo := strings.Join(google.Secrets(), " ")
	tests := []struct {
		name     string
		refusal  googletest.Refusal
		want     RefreshError
		again    bool
		userText string
		advice   string // for a user
	}{
		{"revoked",
			googletest.Refusal{Error: "invalid_grant", Description: echo},
			RefreshError{Status: 400, Code: "invalid_grant"}, false,
			"invalid_grant: HTTP status 400", loginCommand},
		{"reauth",
			googletest.Refusal{Error: "invalid_grant", Subtype: "invalid_rapt", Description: echo},
			RefreshError{Status: 400, Code: "invalid_grant", Reauth: true}, false,
			"the sign-in has expired: HTTP status 400", loginCommand},
		{"reauth, never signed in",
			googletest.Refusal{Error: "invalid_grant", Subtype: "rapt_required"},
			RefreshError{Status: 400, Code: "invalid_grant", Reauth: true}, false,
			"the sign-in has expired: HTTP status 400", loginCommand},
		{"another subtype",
			googletest.Refusal{Error: "invalid_grant", Subtype: "x"},
			RefreshError{Status: 400, Code: "invalid_grant"}, false,
			"invalid_grant: HTTP status 400", loginCommand},
		{"a secret for a code",
			googletest.Refusal{Status: 401, Error: google.Secrets()[0], Subtype: echo},
			RefreshError{Status: 401}, false,
			"HTTP status 401", ""},
		{"error under status 200",
			googletest.Refusal{Status: 200, Error: "access_denied", Description: echo},
			RefreshError{Status: 200, Code: "access_denied"}, false,
			"access_denied: HTTP status 200", loginCommand},
		{"front end",
			googletest.Refusal{Status: 503, Description: echo},
			RefreshError{Status: 503}, true,
			"HTTP status 503", ""},
		{"too many",
			googletest.Refusal{Status: 429, Error: "rate_limit_exceeded"},
			RefreshError{Status: 429, Code: "rate_limit_exceeded"}, true,
			"rate_limit_exceeded: HTTP status 429", ""},
	}
	user := mustFind(t, withFile(google.AuthorizedUser(), google.Client()))
	robot := mustFind(t, withFile(google.ServiceAccount(), google.Client()))
	for _, tt := range tests {
		google.Refuse(tt.refusal)
		for _, s := range []*Source{user, robot} {
			token, err := s.Token(t.Context(), "")
			got := new(RefreshError)
			if !errors.As(err, &got) {
				t.Fatalf("%s: got %q, %v", tt.name, token, err)
			}
			checkSecrets(t, err, google.Secrets())
			if got.Temporary() != tt.again {
				t.Errorf("%s: temporary: %v", tt.name, got.Temporary())
			}
			want := tt.want
			want.Origin, want.Principal, want.Variable = s.Origin(), s.Principal(), envFile
			want.Type, want.Err = got.Type, got.Err
			if *got != want {
				t.Errorf("%s: got %+v, want %+v", tt.name, *got, want)
			}
			if s == robot {
				continue
			}
			if text := "no access token from /key.json (GOOGLE_APPLICATION_CREDENTIALS) for alice@example.com: " + tt.userText; got.Error() != text {
				t.Errorf("%s: got  %s\nwant %s", tt.name, got, text)
			}
			advice := ""
			if tt.advice != "" {
				advice = "unset GOOGLE_APPLICATION_CREDENTIALS, then: " + tt.advice
			}
			if got.Advice() != advice {
				t.Errorf("%s: advice %q", tt.name, got.Advice())
			}
		}
	}
}

// answering is a token endpoint of its own mind, and a user file for it.
func answering(t *testing.T, handler http.HandlerFunc) (machine, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	file := fmt.Sprintf(`{"type":"authorized_user","client_id":"c","client_secret":"GOCSPX-secret","refresh_token":"1//secret-0","token_uri":%q}`, server.URL)
	return withFile([]byte(file), server.Client()), server
}

func TestHostileAnswers(t *testing.T) {
	body := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(text))
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  int
	}{
		{"empty", body("application/json", ""), 200},
		{"not JSON", body("application/json", "1//secret-0"), 200},
		{"no token", body("application/json", "{}"), 200},
		{"token of two lines", body("application/json", `{"access_token":"x\r\nEvil: y","expires_in":3600}`), 200},
		{"odd expiry", body("application/json", `{"access_token":"x","expires_in":"1//secret-0"}`), 200},
		{"form", body("text/plain", "error=%zz"), 200},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for range 64 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, 200},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
		}, 0},
		{"echo for a status line", func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_ = r.ParseForm()
			fmt.Fprintf(conn, "%s %s\r\n\r\n", r.Form.Get("refresh_token"), r.Form.Encode())
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := answering(t, tt.handler)
			token, err := mustFind(t, m).Token(t.Context(), "")
			var re *RefreshError
			if !errors.As(err, &re) || re.Err == nil || re.Status != tt.status {
				t.Fatalf("got %q, %v", token, err)
			}
			checkSecrets(t, err, []string{"secret-0", "GOCSPX-secret", "1%2F%2Fsecret"})
			if len(err.Error()) > 500 {
				t.Errorf("%d bytes of text", len(err.Error()))
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s arrived elsewhere", r.Method, r.URL)
	}))
	defer elsewhere.Close()
	m, _ := answering(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err := mustFind(t, m).Token(t.Context(), "")
	var re *RefreshError
	if !errors.As(err, &re) || re.Status != http.StatusTemporaryRedirect || re.Temporary() {
		t.Errorf("got %v", err)
	}
}

func TestUntrustedServer(t *testing.T) {
	google := googletest.NewUnstartedServer()
	google.StartTLS()
	defer google.Close()
	stranger := &http.Client{Transport: &http.Transport{}}
	_, err := mustFind(t, withFile(google.ServiceAccount(), stranger)).Token(t.Context(), "")
	var re *RefreshError
	if !errors.As(err, &re) || re.Temporary() || re.Status != 0 {
		t.Errorf("got %v", err)
	}
	checkSecrets(t, err, google.Secrets())

	google.Close()
	_, err = mustFind(t, withFile(google.ServiceAccount(), stranger)).Token(t.Context(), "")
	if !errors.As(err, &re) || !re.Temporary() {
		t.Errorf("closed port: %v", err)
	}
}

// What goes wrong before any request is the fault of the file.
func TestLocalFaults(t *testing.T) {
	for _, content := range []string{
		`{"type":"service_account","client_email":"x@y","private_key":"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"}`,
		`{"type":"external_account"}`,
		`{"type":"external_account_authorized_user","refresh_token":"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"}`,
		`{"type":"authorized_user","refresh_token":"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC","token_uri":"http://a b/MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"}`,
		`{"type":"external_account","audience":"a","subject_token_type":"s","credential_source":{"executable":{"command":"/bin/false"}}}`,
		strings.Replace(workloadFile, "/var/token", filepath.ToSlash(filepath.Join(t.TempDir(), "none")), 1),
	} {
		_, err := mustFind(t, withFile([]byte(content), nil)).Token(t.Context(), "")
		var fe *FileError
		if !errors.As(err, &fe) || fe.Type == "" {
			t.Errorf("got %v", err)
		}
		checkSecrets(t, err, []string{"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"})
	}
}

// An impersonation and a workload identity, both through servers of ours.
func TestOtherTypes(t *testing.T) {
	google := googletest.NewServer()
	defer google.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sa/serviceAccounts/robot@p:generateAccessToken", func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !google.Valid(token) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"error":{"code":403,"status":"PERMISSION_DENIED","message":%q}}`, token)
			return
		}
		fmt.Fprintf(w, `{"accessToken":%q,"expireTime":"2100-01-01T00:00:00Z"}`, google.Issue())
	})
	mux.HandleFunc("POST /sts", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("subject_token") != "subject-token-secret" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":"invalid_grant","error_description":%q}`, r.FormValue("subject_token"))
			return
		}
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":3600,"token_type":"Bearer"}`, google.Issue())
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	subject := filepath.Join(t.TempDir(), "subject")
	write := func(content string) {
		if err := os.WriteFile(subject, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("subject-token-secret")
	impersonation := server.URL + "/sa/serviceAccounts/robot@p:generateAccessToken"
	become := marshal(t, map[string]any{
		"type":                              "impersonated_service_account",
		"service_account_impersonation_url": impersonation,
		"source_credentials":                json.RawMessage(google.AuthorizedUser()),
	})
	workload := map[string]any{
		"type":               "external_account",
		"audience":           "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
		"subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url":          server.URL + "/sts",
		"credential_source":  map[string]string{"file": subject},
	}

	s := mustFind(t, withFile(become, server.Client()))
	if token := mustToken(t, s, ""); !google.Valid(token) || s.Principal() != "robot@p" {
		t.Errorf("impersonation: %q of %q", token, s.Principal())
	}
	s = mustFind(t, withFile(marshal(t, workload), server.Client()))
	if token := mustToken(t, s, ""); !google.Valid(token) {
		t.Errorf("workload: %q", token)
	}

	write("another-subject-secret")
	_, err := mustFind(t, withFile(marshal(t, workload), server.Client())).Token(t.Context(), "")
	var re *RefreshError
	if !errors.As(err, &re) || re.Code != "invalid_grant" || re.Status != 400 {
		t.Errorf("workload refused: %v", err)
	}
	checkSecrets(t, err, append(google.Secrets(), "another-subject-secret"))

	// Tokens of another Google are not good enough for the impersonation.
	stranger := googletest.NewServer()
	defer stranger.Close()
	become = marshal(t, map[string]any{
		"type":                              "impersonated_service_account",
		"service_account_impersonation_url": impersonation,
		"source_credentials":                json.RawMessage(stranger.AuthorizedUser()),
	})
	_, err = mustFind(t, withFile(become, server.Client())).Token(t.Context(), "")
	if !errors.As(err, &re) || re.Code != "PERMISSION_DENIED" || re.Status != 403 || re.Principal != "robot@p" {
		t.Errorf("impersonation refused: %v", err)
	}
	checkSecrets(t, err, stranger.Secrets())
}

// The token of the first request of two is a secret too, and its answer says
// nothing about the second.
func TestSecondRequestEchoesToken(t *testing.T) {
	google := googletest.NewServer()
	defer google.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%s\r\n\r\n", r.Header.Get("Authorization"))
	}))
	defer server.Close()
	become := marshal(t, map[string]any{
		"type":                              "impersonated_service_account",
		"service_account_impersonation_url": server.URL,
		"source_credentials":                json.RawMessage(google.AuthorizedUser()),
	})
	_, err := mustFind(t, withFile(become, google.Client())).Token(t.Context(), "")
	var re *RefreshError
	if !errors.As(err, &re) || re.Status != 0 || !strings.Contains(err.Error(), "[redacted]") {
		t.Errorf("got %v", err)
	}
	checkSecrets(t, err, google.Secrets())
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A process that lives on learns that its user has signed in again.
func TestGcloudFileIsReadAgain(t *testing.T) {
	before, after := googletest.NewServer(), googletest.NewServer()
	defer before.Close()
	defer after.Close()
	path := adcPath
	m := machine{
		wish:   Wish{Dir: gcloudDir},
		files:  map[string]string{path: string(before.AuthorizedUser())},
		client: before.Client(),
	}
	s := mustFind(t, m)
	before.Refuse(googletest.Refusal{Error: "invalid_grant", Subtype: "invalid_rapt"})
	var re *RefreshError
	if _, err := s.Token(t.Context(), ""); !errors.As(err, &re) || re.Advice() != loginCommand {
		t.Fatalf("got %v", err)
	}
	m.files[path] = "half wri"
	if _, err := s.Token(t.Context(), ""); !errors.As(err, &re) || !re.Reauth {
		t.Errorf("while it is written: %v", err)
	}
	m.files[path] = string(after.AuthorizedUser())
	m.client = after.Client()
	if token := mustToken(t, s, ""); !after.Valid(token) {
		t.Errorf("got %q", token)
	}
	before.Client().CloseIdleConnections()
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{userFile, robotFile, becomeFile, workloadFile, "{}", `{"type":"external_account_authorized_user"}`} {
		f.Add([]byte(seed))
	}
	nowhere := &http.Client{Transport: refusing{}}
	f.Fuzz(func(t *testing.T, content []byte) {
		m := withFile(content, nowhere)
		s, err := Find(t.Context(), m.environment(), Wish{})
		if err == nil {
			_, err = s.Token(t.Context(), "")
		}
		var fe *FileError
		var re *RefreshError
		if !errors.As(err, &fe) && !errors.As(err, &re) {
			t.Errorf("%q: %v", content, err)
		}
	})
}

// refusing is a network on which nothing answers.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("unreachable")
}
