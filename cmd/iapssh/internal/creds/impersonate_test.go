package creds

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

const (
	first  = "first@p.iam.gserviceaccount.com"
	second = "second@p.iam.gserviceaccount.com"
)

// acting is a user who acts as the end of a chain.
func acting(t *testing.T, google *googletest.Server, chain ...string) *Source {
	t.Helper()
	env := withFile(google.AuthorizedUser(), google.Client()).environment()
	env.IAMCredentials = google.URL + "/"
	env.Header = http.Header{"X-Goog-Request-Reason": {"a ticket"}}
	s, err := Find(t.Context(), env, Wish{Impersonate: chain})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestImpersonation(t *testing.T) {
	google := googletest.NewServer()
	defer google.Close()
	google.AllowActAs(google.Account, first)
	google.AllowActAs(first, second)

	for _, chain := range [][]string{{first}, {first, second}} {
		s := acting(t, google, chain...)
		want := chain[len(chain)-1]
		if holder, ok := google.Holder(mustToken(t, s, "")); !ok || holder != want || s.Principal() != want {
			t.Errorf("%q: token of %q", chain, holder)
		}
	}
	if reasons := google.Reasons(); len(reasons) != 2 || reasons[0] != "a ticket" {
		t.Errorf("reasons %q", reasons)
	}

	_, err := acting(t, google, second).Token(t.Context(), "")
	re := new(RefreshError)
	want := "gcloud iam service-accounts add-iam-policy-binding " + second + " --member=user:alice@example.com --role=roles/iam.serviceAccountTokenCreator"
	if !errors.As(err, &re) || re.Status != http.StatusForbidden || re.Principal != second || re.Advice() != want {
		t.Errorf("%v, advice %q", err, re.Advice())
	}
	checkSecrets(t, err, google.Secrets())
}

// A project whose quota may not be used is left out.
func TestQuotaProject(t *testing.T) {
	google := googletest.NewServer()
	defer google.Close()
	google.AllowActAs(google.Account, first)
	for _, tt := range []struct {
		wish, env string
		want      string
		requests  int
	}{
		{"", "", "", 1},
		{"lab-project", "other", "lab-project", 1},
		{"", "lab-project", "lab-project", 1},
		{"forbidden", "lab-project", "forbidden", 2},
	} {
		google.ForgetCounts()
		m := withFile(google.AuthorizedUser(), google.Client())
		m.env[envQuota] = tt.env
		env := m.environment()
		env.IAMCredentials = google.URL
		s, err := Find(t.Context(), env, Wish{Impersonate: []string{first}, QuotaProject: tt.wish})
		if err != nil {
			t.Fatal(err)
		}
		mustToken(t, s, "")
		if s.QuotaProject() != tt.want || google.Counts().Generate != tt.requests {
			t.Errorf("%+v: %q, %+v", tt, s.QuotaProject(), google.Counts())
		}
	}
	file := `{"type":"authorized_user","refresh_token":"1//x","quota_project_id":"of-the-file"}`
	if s := mustFind(t, withFile([]byte(file), nil)); s.QuotaProject() != "of-the-file" {
		t.Errorf("file: %q", s.QuotaProject())
	}
}

func TestImpersonationIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		google := googletest.NewUnstartedServer()
		google.StartInMemory()
		google.AllowActAs(google.Account, first)
		s := acting(t, google, first)
		one := mustToken(t, s, "")
		if two := mustToken(t, s, one); two == one || google.Counts().Generate != 2 || google.Counts().Token != 1 {
			t.Errorf("refused: %+v", google.Counts())
		}
		// The user's own token may die before its time: it is replaced on the way.
		base, err := s.credential.(*impersonation).base.Token(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		google.Expire(base)
		time.Sleep(time.Hour)
		if three := mustToken(t, s, ""); !google.Valid(three) {
			t.Error("no good token")
		}
		google.Refuse(googletest.Refusal{Error: "invalid_grant", Subtype: "invalid_rapt"})
		time.Sleep(2 * time.Hour)
		re := new(RefreshError)
		if _, err := s.Token(t.Context(), ""); !errors.As(err, &re) || !re.Reauth || re.Type != typeUser {
			t.Errorf("got %v", err)
		}
	})
}
