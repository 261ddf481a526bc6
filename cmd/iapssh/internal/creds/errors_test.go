package creds

import (
	"testing"
)

func TestAdvice(t *testing.T) {
	robot := "robot@p.iam.gserviceaccount.com"
	tests := []struct {
		name string
		err  interface{ Advice() string }
		want string
	}{
		{"nothing found", &NotFoundError{}, "gcloud auth application-default login"},
		{"no login of a service account", &NotFoundError{Account: robot}, "gcloud auth activate-service-account " + robot + " --key-file=FILE"},
		{"no login of a workforce's", &NotFoundError{Account: "principal://iam.example/subject/ann"}, "gcloud auth login --login-config=FILE"},
		{"bad file", &FileError{Path: "/a"}, "gcloud auth application-default login"},
		{"bad named file", &FileError{Path: "/a", Variable: envFile}, "unset GOOGLE_APPLICATION_CREDENTIALS, then: gcloud auth application-default login"},
		{"bad token", &FileError{Variable: envToken}, "set CLOUDSDK_AUTH_ACCESS_TOKEN to the output of: gcloud auth print-access-token"},
		{"user", &RefreshError{Type: typeUser, Status: 400, Code: "invalid_grant"}, "gcloud auth application-default login"},
		{"user of a pool", &RefreshError{Type: typeExternalUser, Status: 400, Code: "invalid_grant"}, "gcloud auth application-default login"},
		{"service account", &RefreshError{Type: typeServiceAccount, Status: 400, Code: "invalid_grant", Principal: robot}, "gcloud iam service-accounts keys list --iam-account=" + robot},
		{"impersonation, user gone", &RefreshError{Type: typeImpersonated, Status: 400, Code: "invalid_grant", Principal: robot}, "gcloud auth application-default login --impersonate-service-account=" + robot},
		{"impersonation, not allowed", &RefreshError{Type: typeImpersonated, Status: 403, Code: "PERMISSION_DENIED", Principal: robot}, ""},
		{"server in trouble", &RefreshError{Type: typeUser, Status: 503, Code: "internal_failure"}, ""},
		{"no network", &RefreshError{Type: typeUser}, ""},
		{"VM", &RefreshError{Type: typeVM, Status: 404}, ""},
		{"refused token", &RefusedError{Origin: envToken}, "unset CLOUDSDK_AUTH_ACCESS_TOKEN, or set it to the output of: gcloud auth print-access-token"},
		{"refused VM", &RefusedError{Origin: originMetadata}, ""},
	}
	for _, tt := range tests {
		if got := tt.err.Advice(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
