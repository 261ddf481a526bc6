package creds

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// metadata serves answers by path as the metadata server does, and returns
// GCE_METADATA_HOST.
func metadata(t *testing.T, answers map[string]string) Environment {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata-Flavor") != "Google" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Metadata-Flavor", "Google")
		answer, ok := answers[strings.TrimPrefix(r.URL.RequestURI(), "/computeMetadata/v1/")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	env := machine{env: map[string]string{envMetadataHost: server.Listener.Addr().String()}}.environment()
	env.Metadata = nil // the real one
	return env
}

const vmTokenPath = accountPath + "token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"

func TestMetadataServer(t *testing.T) {
	s, err := Find(t.Context(), metadata(t, map[string]string{
		accountPath + "email": "robot@p.iam.gserviceaccount.com",
		vmTokenPath:           `{"access_token":"ya29.vm","expires_in":3599,"token_type":"Bearer"}`,
	}), Wish{})
	if err != nil {
		t.Fatal(err)
	}
	if got := mustToken(t, s, ""); got != "ya29.vm" {
		t.Errorf("got %q", got)
	}
	// It keeps its token until shortly before the end, refused or not.
	_, err = s.Token(t.Context(), "ya29.vm")
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Principal != "robot@p.iam.gserviceaccount.com" {
		t.Errorf("got %v", err)
	}
}

func TestMetadataServerFails(t *testing.T) {
	tests := []struct {
		name, answer string
		status       int
	}{
		{"no token", "", 404},
		{"not JSON", "x", 0},
		{"empty", "{}", 0},
		{"no lifetime", `{"access_token":"x"}`, 0},
		{"token of two lines", `{"access_token":"x\r\nEvil: y","expires_in":9}`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answers := map[string]string{accountPath + "email": "x@y"}
			if tt.answer != "" {
				answers[vmTokenPath] = tt.answer
			}
			s, err := Find(t.Context(), metadata(t, answers), Wish{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Token(t.Context(), "")
			var re *RefreshError
			if !errors.As(err, &re) || re.Status != tt.status || re.Principal != "x@y" || errors.Is(err, ErrMalformed) != (tt.status == 0) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNotAMetadataServer(t *testing.T) {
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("Welcome to the hotel"))
	}))
	defer portal.Close()
	for _, host := range []string{portal.Listener.Addr().String(), "127.0.0.1:1", "bad host%"} {
		env := machine{env: map[string]string{envMetadataHost: host}}.environment()
		env.Metadata = nil
		_, err := Find(t.Context(), env, Wish{})
		var none *NotFoundError
		if !errors.As(err, &none) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := (metadataServer{portal.Listener.Addr().String()}).get(context.Background(), "x"); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
	if host := metadataHost(func(string) string { return "" }); host != "169.254.169.254" {
		t.Errorf("host %s", host)
	}
}
