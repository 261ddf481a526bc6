package creds

import (
	"errors"
	"fmt"
	"testing"
)

func TestRefusal(t *testing.T) {
	tests := []struct{ body, code, subtype string }{
		{``, "", ""},
		{`{}`, "", ""},
		{`[]`, "", ""},
		{`{"error":null}`, "", ""},
		{`{"error":7}`, "", ""},
		{`{"error":{"code":403,"status":"PERMISSION_DENIED","message":"x"}}`, "PERMISSION_DENIED", ""},
		{`{"error":"invalid_grant","error_subtype":"invalid_rapt"}`, "invalid_grant", "invalid_rapt"},
		{`{"error":"1//0abc","error_subtype":"\u001b[2J"}`, "", ""},
		{`{"error":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`, "", ""},
		{`{"access_token":"x"}`, "", ""},
	}
	for _, tt := range tests {
		if code, subtype := refusal([]byte(tt.body)); code != tt.code || subtype != tt.subtype {
			t.Errorf("%s: %q %q", tt.body, code, subtype)
		}
	}
}

func TestClean(t *testing.T) {
	inner := errors.New("inner")
	tests := []struct {
		err  error
		want string
		same bool
	}{
		{fmt.Errorf("no route: %w", inner), "no route: inner", true},
		{fmt.Errorf("sent 1//secret-0: %w", inner), "sent [redacted]: inner", false},
		{errors.New("form a=1%2F%2Fsecret-0&b"), "form a=[redacted]&b", false},
		{errors.New("a short one is no secret"), "a short one is no secret", true},
	}
	for _, tt := range tests {
		got := secrets{"", "short", "1//secret-0"}.clean(tt.err)
		if got.Error() != tt.want || (got == tt.err) != tt.same || errors.Is(got, inner) && !tt.same {
			t.Errorf("%v became %v", tt.err, got)
		}
	}
}
