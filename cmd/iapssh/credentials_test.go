package main

import (
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

func TestQuotaProject(t *testing.T) {
	const alice, robot = "alice@example.com", "robot@p.iam.gserviceaccount.com"
	for _, test := range []struct{ named, principal, current, api, want string }{
		{"", alice, "p", "oslogin", "p"},
		{"", alice, "p", "iap", "p"},
		{"", alice, "p", "run", "p"},
		{"", alice, "p", "compute", ""},
		{"", robot, "p", "oslogin", ""},
		{"", "", "p", "oslogin", "p"},
		{"", alice, "", "oslogin", ""},
		{"q", alice, "p", "oslogin", "q"},
		{"q", alice, "p", "compute", "q"},
		{"q", robot, "p", "iap", "q"},
	} {
		if got := quotaProject(test.named, test.principal, test.current, test.api); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// With credentials disabled none is looked for: whatever asks for a token gets an empty one.
func TestNoCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
	r := &relay{resolved: config.Plan{GCloud: config.GCloud{NoCredentials: true, Account: "alice@example.com", QuotaProject: "q"}}}
	if token, err := r.dialToken(t.Context(), ""); token != "" || err != nil {
		t.Errorf("relay: %q, %v", token, err)
	}
	if token, err := r.apiToken(t.Context(), ""); token != "" || err != nil {
		t.Errorf("API: %q, %v", token, err)
	}
	if account, quota := r.account(t.Context()), r.quotaProject(t.Context(), "compute"); account != "alice@example.com" || quota != "q" || r.source != nil {
		t.Errorf("account %q, quota %q, source %v", account, quota, r.source)
	}
	if noCredential(r.plan.GCloud) {
		t.Error("a bare name would be dialled directly")
	}
}
