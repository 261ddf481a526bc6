package report

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/transport/iap"
)

// Each code stands once in its stage, and nothing is left to be filled in.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range table {
		codes := strings.Fields(r.codes)
		if r.codes == "" {
			codes = []string{""}
		}
		for _, code := range codes {
			name := fmt.Sprintf("%s %s %v", r.stage, code, r.granted)
			if seen[name] {
				t.Errorf("%s stands twice", name)
			}
			seen[name] = true
			f := details{target: target, facts: Facts{Granted: r.granted}}.failure(r.stage, code)
			if strings.ContainsAny(f.Cause+f.Fix+f.Missing, "{}") {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// Every close code of the relay has a row in place of a session, and all but these one at the end of one.
func TestCloseCodes(t *testing.T) {
	unexplained := map[int]bool{iap.CloseBackendFailed: true, iap.CloseUnknownError: true}
	for _, code := range []int{
		iap.CloseUnknownError, iap.CloseSIDUnknown, iap.CloseSIDInUse, iap.CloseBackendFailed, iap.CloseReauthenticate, iap.CloseBadAck,
		iap.CloseInvalidAck, iap.CloseInvalidOpcode, iap.CloseInvalidTag, iap.CloseWriteFailed, iap.CloseReadFailed, iap.CloseInvalidData,
		iap.CloseNotAuthorized, iap.CloseLookupFailed, iap.CloseLookupFailedResume, iap.CloseCannotRewind,
	} {
		inSession := code == iap.CloseSIDUnknown || code == iap.CloseSIDInUse || code == iap.CloseCannotRewind // only of a resumption
		if r, ok := find(StageSession, fmt.Sprint(code), false); !inSession && (!ok || r.codes == "") {
			t.Errorf("%d: no row in place of a session", code)
		}
		if r, ok := find(StageEnded, fmt.Sprint(code), false); !unexplained[code] && (!ok || r.codes == "") {
			t.Errorf("%d: no row at the end of a session", code)
		}
		if text, ok := Explain(fmt.Sprint(code)); !ok || strings.ContainsAny(text, "{}") {
			t.Errorf("%d: %q", code, text)
		}
	}
}

// What a program learns of a failed sign-in.
func TestSignInCodes(t *testing.T) {
	const robot = "robot@p.iam.gserviceaccount.com"
	for _, tc := range []struct {
		err     error
		code    string
		retry   bool
		missing string
	}{
		{&creds.NotFoundError{}, "", false, ""},
		{&gce.UnpublishedError{Err: &creds.RefreshError{Type: "authorized_user", Status: 400, Code: "invalid_grant"}}, "invalid_grant", false, ""},
		{&creds.RefreshError{Type: "authorized_user", Err: context.DeadlineExceeded}, "timeout", true, ""},
		{&creds.RefreshError{Type: "authorized_user", Status: 200, Err: errors.New("no JSON")}, "200", false, ""},
		{&creds.RefreshError{Type: "authorized_user", Status: 400, Code: "invalid_grant", Reauth: true}, "invalid_rapt", false, ""},
		{&creds.RefreshError{Type: "authorized_user", Status: 400, Code: "invalid_grant"}, "invalid_grant", false, ""},
		{&creds.RefreshError{Type: "authorized_user", Status: 429, Code: "rate_limit_exceeded"}, "429", true, ""},
		{&creds.RefreshError{Type: "authorized_user", Status: 503}, "503", true, ""},
		{&creds.RefreshError{Type: "authorized_user"}, "temporary", true, ""},
		{&creds.RefreshError{Type: "impersonation", Principal: robot, Status: 403, Code: "PERMISSION_DENIED"}, "PERMISSION_DENIED", false,
			"roles/iam.serviceAccountTokenCreator on " + robot},
	} {
		f := Of(dialed(iap.StageToken, tc.err), Facts{})
		if f.Stage != StageSignIn || f.Code != tc.code || f.Retryable != tc.retry || f.Missing != tc.missing {
			t.Errorf("%v: %+v", tc.err, f)
		}
		if f.Fix == "" {
			t.Errorf("%v: no way out", tc.err)
		}
	}
}

// With the role there, something else is missing; and that changes nothing about other codes.
func TestRoleIsGranted(t *testing.T) {
	facts := Facts{Principal: "ali@example.com", Granted: true}
	if f := Of(closed(4033, "not authorized"), facts); f.Code != "4033" || f.Missing != "an access level or a condition" || strings.Contains(f.Fix, "add-iam-policy-binding") {
		t.Errorf("%+v", f)
	}
	if f := Of(closed(4003, ""), facts); !strings.Contains(f.Missing, "firewall") {
		t.Errorf("%+v", f)
	}
}

// An account that may not make a call may be the wrong one.
func TestOtherAccount(t *testing.T) {
	facts := Facts{Principal: "ali@example.com", Other: "bob@example.com", OtherWay: "give --account=bob@example.com"}
	refused := &gce.Error{Call: "compute.instances.get", Status: 403, Reason: "forbidden", Permission: "compute.instances.get"}
	for _, err := range []error{refused, &gce.UnsearchedError{Name: "vm", Project: "p", Err: refused}, &gce.UndescribedError{Err: refused}, closed(4033, "not authorized")} {
		if f := Of(err, facts); !strings.Contains(f.Fix, "to be bob@example.com, give --account=bob@example.com; else ") || !strings.Contains(f.Fix+f.Cause, "ali@example.com") {
			t.Errorf("%v: %+v", err, f)
		}
	}
}

func TestExplain(t *testing.T) {
	want := `404 at stage upgrade:
  cause:    Error while connecting [Handshake status 404]. Zone ZONE is not known in project PROJECT, or there is no such target
  fix:      see: gcloud compute instances list --project=PROJECT
  retry:    changes nothing
404 at stage ended:
  cause:    IAP ended the session with VM NAME [404]: after an outage it could not be resumed
  fix:      connect again
  retry:    may help
`
	if got, _ := Explain("404"); got != want {
		t.Errorf("got\n%s", got)
	}
	for _, code := range []string{"", "9999", "xx", "session"} {
		if text, ok := Explain(code); ok {
			t.Errorf("%q: %s", code, text)
		}
	}
}

func TestJSON(t *testing.T) {
	f := Of(closed(4003, "\x1b]0;owned\a"), Facts{Principal: "ali@example.com"})
	want := `{"v":1,"stage":"session","code":"4003","retryable":true,"principal":"ali@example.com","target":"vm.zone-a.proj",` +
		`"missing":"a firewall rule that admits 35.235.240.0/20 to tcp:22","fix":`
	if got := string(f.JSON("ali@example.com", "vm.zone-a.proj")); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %s", got)
	}
}
