package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/proxy"
)

var target = iap.Target{Project: "proj", Zone: "zone-a", Instance: "vm", Port: 22}

func dialed(stage iap.Stage, err error) error {
	return &iap.DialError{Stage: stage, Target: target, Err: err}
}

func resumed(err error) error {
	return &iap.DialError{Stage: iap.StageSession, Target: target, Resume: true, Err: err}
}

func closed(code int, reason string) error {
	return dialed(iap.StageSession, &iap.CloseError{Code: code, Reason: reason})
}

// Every failure names its cause, and who or what; most name the command that mends it.
func TestOf(t *testing.T) {
	for _, tc := range []struct {
		name  string
		err   error
		cause []string
		fix   string
	}{
		{"closed port", closed(4003, "failed to connect to backend"),
			[]string{"[4003: 'failed to connect to backend']. (Failed to connect to port 22)", "VM vm in zone zone-a of project proj"}, "gcloud compute firewall-rules create"},
		{"refused", closed(4033, "not authorized"), []string{"[4033: 'not authorized']", "IAP does not let ali@example.com reach VM vm"}, "roles/iap.tunnelResourceAccessor"},
		{"no such VM", closed(4047, "Failed to lookup instance"), []string{"[4047: 'Failed to lookup instance']"}, "gcloud compute instances list"},
		{"sign-in expired", closed(4004, ""), []string{"expired", "ali@example.com"}, "gcloud auth renew"},
		{"our mistake", closed(4008, "bad tag"), []string{"4008"}, "report this"},
		{"unknown code", closed(4999, "later"), []string{"[4999: 'later']"}, "again"},
		{"reset", fmt.Errorf("wrapped: %w", &iap.CloseError{Code: 4010, Reason: "destination read failed", Established: true}), []string{"Connection to VM vm closed by remote host", "[4010: 'destination read failed']"}, "reset"},
		{"withdrawn", &iap.CloseError{Code: 4033, Established: true}, []string{"VM vm", "ali@example.com"}, "gcloud auth renew"},
		{"not resumed, then", resumed(&iap.CloseError{Code: 4001, Reason: "some reason", Established: true}), []string{"IAP ended the session with VM vm [4001: 'some reason']: after an outage it could not be resumed"}, "connect again"},
		{"gone while it was resumed", resumed(&iap.CloseError{Code: 4051, Established: true}), []string{"ended the session with VM vm [4051: '']: it is gone"}, "gcloud compute instances list"},
		{"withdrawn while it was resumed", resumed(&iap.CloseError{Code: 4033, Established: true}), []string{"ali@example.com may no longer use it"}, "gcloud auth renew"},
		{"token refused while it was resumed", resumed(&iap.HTTPError{Status: 401}), []string{"[Handshake status 401 Unauthorized]", "ali@example.com"}, "gcloud auth renew"},
		{"refused while it was resumed", resumed(&iap.HTTPError{Status: 403}), []string{"[Handshake status 403 Forbidden]", "resume"}, "policy"},
		{"never resumed", resumed(&iap.HTTPError{Status: 503}), []string{"[Handshake status 503 Service Unavailable]", "could not be resumed"}, "connect again"},
		{"resumed as another", resumed(&iap.ProtocolError{Detail: "tag 0x0001"}), []string{"tag 0x0001"}, "report this"},
		{"not reached again", resumed(syscall.ECONNREFUSED), []string{"the connection to VM vm broke: it could not be resumed: connection refused"}, "connect again"},
		{"ended while it was resumed", resumed(&iap.CloseError{Code: 1000, Established: true}), []string{"it could not be resumed", "1000"}, "connect again"},
		{"not resumed", &iap.CloseError{Code: 4001, Established: true}, []string{"VM vm", "[4001: '']", "resumed"}, "connect again"},
		{"no more files", dialed(iap.StageConnect, os.NewSyscallError("socket", syscall.EMFILE)), []string{"could not be reached"}, "ulimit -n"},
		{"hung up", dialed(iap.StageUpgrade, &iap.LinkError{Err: io.EOF}), []string{"hung up", "VM vm"}, "proxy"},
		{"silent relay", dialed(iap.StageUpgrade, context.DeadlineExceeded), []string{"in time"}, "proxy"},
		{"silent token endpoint", dialed(iap.StageToken, context.DeadlineExceeded), []string{"in time", "ali@example.com"}, "network"},
		{"bad request", dialed(iap.StageUpgrade, &iap.HTTPError{Status: 400}), []string{"400"}, "--zone"},
		{"link lost", &iap.LinkError{Err: errors.New("connection reset by peer")}, []string{"connection reset by peer"}, "connect again"},
		{"something else", dialed(iap.StageUpgrade, &iap.HTTPError{Status: 200}), []string{"Handshake status 200", "other than IAP"}, "captive portal"},
		{"redirect to nowhere", dialed(iap.StageUpgrade, &iap.HTTPError{Status: 302}), []string{"302", "a redirect to nowhere"}, "captive portal"},
		{"address of the relay", dialed(iap.StageTarget, &iap.URLError{URL: "http://x"}), []string{"http://x", "wss://"}, "IAPSSH_RELAY_URL"},
		{"reset before it began", closed(4010, "x"), []string{"[4010: 'x']. The connection to port 22 of VM vm"}, "again"},
		{"captive portal", dialed(iap.StageUpgrade, &iap.HTTPError{Status: 302, Location: "https://portal/"}), []string{"302", "https://portal/"}, "captive portal"},
		{"no such zone", dialed(iap.StageUpgrade, &iap.HTTPError{Status: 404}), []string{"404", "zone-a"}, "gcloud compute instances list"},
		{"websockets forbidden", dialed(iap.StageUpgrade, &iap.HTTPError{Status: 403}), []string{"Handshake status 403", "(May be due to missing permissions)"}, "policy"},
		{"busy", dialed(iap.StageUpgrade, &iap.HTTPError{Status: 503}), []string{"503"}, "again"},
		{"proxy", dialed(iap.StageConnect, &proxy.Error{Proxy: "proxy:3128", Status: 407}), []string{"proxy:3128", "407"}, "HTTPS_PROXY"},
		{"name", dialed(iap.StageConnect, &net.DNSError{Name: "tunnel.cloudproxy.app", Err: "no such host"}), []string{"Could not resolve hostname tunnel.cloudproxy.app"}, "network"},
		{"slow network", dialed(iap.StageConnect, context.DeadlineExceeded), []string{"in time"}, "network"},
		{"silent VM", dialed(iap.StageSession, context.DeadlineExceeded), []string{"no answer", "VM vm"}, "35.235.240.0/20"},
		{"no credential", dialed(iap.StageToken, &creds.NotFoundError{Looked: []string{"GOOGLE_APPLICATION_CREDENTIALS"}}), []string{"sign in"}, "gcloud auth application-default login"},
		{"no zone", &config.MissingError{What: "zone", Host: "vm", Fix: "give --zone=ZONE"}, []string{"zone", "vm"}, "--zone=ZONE"},
	} {
		got := Of(tc.err, Facts{Principal: "ali@example.com", SignIn: "gcloud auth renew", Target: target})
		for _, want := range tc.cause {
			if !strings.Contains(got.Cause, want) {
				t.Errorf("%s: cause %q lacks %q", tc.name, got.Cause, want)
			}
		}
		if !strings.Contains(got.Fix, tc.fix) || (tc.fix == "") != (got.Fix == "") {
			t.Errorf("%s: fix %q lacks %q", tc.name, got.Fix, tc.fix)
		}
		if strings.Contains(tc.name, "resumed") && got.Stage != StageEnded {
			t.Errorf("%s: stage %s", tc.name, got.Stage)
		}
		if strings.Count(got.Line(), "\n") != 1 {
			t.Errorf("%s: not one line: %q", tc.name, got.Line())
		}
	}
}

func TestWhatElseIsWanted(t *testing.T) {
	for _, tc := range []struct {
		err  sshclient.AuthError
		want string
	}{
		{sshclient.AuthError{Methods: []string{"publickey"}}, "No key was found to offer"},
		{sshclient.AuthError{Methods: []string{"publickey"}, Tried: []sshclient.Tried{{Source: "id"}}}, "Tried id."},
		{sshclient.AuthError{Methods: []string{"keyboard-interactive"}, Partial: true}, "What was offered is right; keyboard-interactive is wanted besides"},
		{sshclient.AuthError{Methods: []string{"publickey"}, Partial: true}, "No key was found to offer"}, // another than that which was right
	} {
		err := &sshclient.HandshakeError{Stage: sshclient.StageAuth, Err: &tc.err}
		if got := Of(err, Facts{}); !strings.HasPrefix(got.Fix, tc.want) {
			t.Errorf("%+v: %q", tc.err, got.Fix)
		}
	}
}

// Who may not put a key on a VM learns what is missing.
func TestKeyThatMayNotBePut(t *testing.T) {
	denied := &sshclient.HandshakeError{Stage: sshclient.StageAuth, Err: &sshclient.AuthError{User: "ali", Host: "vm", Methods: []string{"publickey"}}}
	for _, tc := range []struct {
		keys         error
		fix, missing string
	}{
		{errors.New("no key is put there"), "No key was accepted: no key is put there", ""},
		{fmt.Errorf("not put there: %w", &gce.Error{Call: "c", Status: 403, Message: "m", Permission: "compute.instances.setMetadata"}),
			"No key was accepted: not put there: c: m (403); have ali@example.com granted compute.instances.setMetadata: gcloud projects " +
				"add-iam-policy-binding proj --member=user:ali@example.com --role=roles/compute.instanceAdmin.v1", "compute.instances.setMetadata"},
		{&gce.Error{Call: "c", Status: 403, Service: "oslogin.googleapis.com"},
			"No key was accepted: c: HTTP status 403 Forbidden; run: gcloud services enable oslogin.googleapis.com --project=proj", ""},
	} {
		got := Of(denied, Facts{Principal: "ali@example.com", Target: iap.Target{Project: "proj"}, Keys: tc.keys})
		if got.Fix != tc.fix || got.Missing != tc.missing {
			t.Errorf("%v: %q, missing %q", tc.keys, got.Fix, got.Missing)
		}
	}
}

// IAM's commands have a word for each kind of principal.
func TestMember(t *testing.T) {
	for principal, want := range map[string]string{
		"":                                "user:EMAIL",
		"ali@example.com":                 "user:ali@example.com",
		"sa@p.iam.gserviceaccount.com":    "serviceAccount:sa@p.iam.gserviceaccount.com",
		"principal://iam.example/subject": "principal://iam.example/subject",
	} {
		if got := (Facts{Principal: principal}).member(); got != want {
			t.Errorf("%q: %q", principal, got)
		}
	}
}

// A token that was given as it is may be too old: that comes before advice about roles.
func TestRawTokenMayHaveExpired(t *testing.T) {
	got := Of(closed(4033, "not authorized"), Facts{Origin: "CLOUDSDK_AUTH_ACCESS_TOKEN", SignIn: "set it anew"})
	if !strings.HasPrefix(got.Fix, "the token may have expired (set it anew)") {
		t.Errorf("fix %q", got.Fix)
	}
}

// Each kind of target is called what it is, and what mends it is about its kind.
func TestKindsOfTargets(t *testing.T) {
	host := iap.Target{Project: "proj", Region: "r", Network: "n", Host: "10.0.0.5", DestGroup: "g", Port: 3389}
	pool := iap.Target{Project: "proj", Region: "r", Port: 22, Workload: iap.Workload{Type: "worker_pool", Name: "w", ProjectNumber: "42"}}
	for _, tc := range []struct {
		target     iap.Target
		err        error
		cause, fix string
	}{
		{host, &iap.CloseError{Code: 4003}, "port 3389 of host 10.0.0.5 of network n in region r of project proj", "tcp:3389 from 35.235.240.0/20"},
		{host, &iap.CloseError{Code: 4033}, "host 10.0.0.5 of network n", "gcloud iap tcp dest-groups add-iam-policy-binding --dest-group=g --region=r --project=proj --member=user:ali@example.com"},
		{host, &iap.HTTPError{Status: 404}, "Region r is not known in project proj", "gcloud iap tcp dest-groups list --region=r"},
		{pool, &iap.CloseError{Code: 4003}, "port 22 of Cloud Run worker pool w in region r of project proj", "gcloud beta run worker-pools list --region=r"},
		{pool, &iap.CloseError{Code: 4033}, "Cloud Run worker pool w", "gcloud projects add-iam-policy-binding proj"},
		{pool, &iap.CloseError{Code: 4047}, "no Cloud Run worker pool w in region r", "gcloud beta run worker-pools list --region=r --project=proj"},
	} {
		got := Of(&iap.DialError{Stage: iap.StageSession, Target: tc.target, Err: tc.err}, Facts{Principal: "ali@example.com"})
		if !strings.Contains(got.Cause, tc.cause) || !strings.Contains(got.Fix, tc.fix) {
			t.Errorf("%v: %q, %q", tc.err, got.Cause, got.Fix)
		}
	}
}

// A line stays one that can be read, whatever the network has to say.
func TestLongText(t *testing.T) {
	for _, err := range []error{closed(4033, strings.Repeat("é", 5000)), dialed(iap.StageUpgrade, &iap.HTTPError{Status: 302, Location: strings.Repeat("x", 60000)})} {
		if got := Of(err, Facts{}); len(got.Cause) > 700 || !strings.Contains(got.Cause, "...") {
			t.Errorf("%d bytes: %q", len(got.Cause), got.Cause)
		}
	}
}

func TestHostileText(t *testing.T) {
	got := Of(closed(4003, "\x1b]0;owned\a\nsecond line \u009b31m \u202eright to left"), Facts{}).Line()
	if strings.ContainsAny(got[:len(got)-1], "\x1b\a\n\u009b\u202e") {
		t.Errorf("unclean: %q", got)
	}
}

// Which of our goroutines notices a hang-up first, the reading or the writing one, is chance: the words are the same.
func TestHangUpsAreOne(t *testing.T) {
	for _, end := range []error{io.EOF, &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, io.ErrClosedPipe, net.ErrClosed} {
		early := Of(&sshclient.HandshakeError{Host: "vm", Stage: sshclient.StageBanner, Err: end}, Facts{}).Line()
		if early != "kex_exchange_identification: Connection closed by remote host\n" {
			t.Errorf("%v before the banner: %q", end, early)
		}
		late := Of(&sshclient.LostError{Host: "vm", Err: end}, Facts{}).Line()
		if late != "Connection to vm closed by remote host.\n" {
			t.Errorf("%v in a session: %q", end, late)
		}
	}
}

func TestSSHRefusals(t *testing.T) {
	negotiation := &sshclient.HandshakeError{Host: "vm", Stage: sshclient.StageKex, Err: &sshclient.NegotiationError{Kind: sshclient.Ciphers, Offer: []string{"x\x1b", "3des-cbc"}}}
	lost := &sshclient.LostError{Host: "vm", Err: &sshclient.OpenError{Reason: "connect failed", Message: "no more"}}
	for _, test := range []struct {
		err        error
		cause, fix string
	}{
		{negotiation, "Unable to negotiate with vm: no matching cipher found. Their offer: x\\033,3des-cbc", "It takes 3des-cbc, which we did not offer: -o Ciphers=+3des-cbc allows it"},
		{lost, "channel 0: open failed: connect failed: no more", ""},
	} {
		if got := Of(test.err, Facts{}); got.Cause != test.cause || got.Fix != test.fix {
			t.Errorf("%q, %q", got.Cause, got.Fix)
		}
	}
}

// Exit codes are promised: docs/exit-codes.md has this table in words.
func TestExit(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&config.UsageError{Text: "x"}, 2}, {&config.ConfigError{Text: "x"}, 2}, {&config.MissingError{What: "zone"}, 2}, {&config.UnsupportedError{}, 2},
		{closed(4033, ""), 77}, {closed(4004, ""), 77}, {closed(4003, ""), 75}, {closed(4047, ""), 75}, {closed(4000, ""), 75}, {closed(4010, ""), 75},
		{closed(4008, ""), 1}, {closed(1000, ""), 75},
		{&iap.CloseError{Code: 4047, Established: true}, 75}, {&iap.CloseError{Code: 4033, Established: true}, 77}, {&iap.CloseError{Code: 4001, Established: true}, 75},
		{&gce.Error{Status: 403, Reason: "forbidden"}, 77}, {&gce.Error{Status: 401, Reason: "authError"}, 77}, {&gce.Error{Status: 503}, 75}, {&gce.NotFoundError{Projects: []string{"p"}}, 1},
		{&gce.UnpublishedError{}, 1}, {&gce.UnpublishedError{Err: &creds.NotFoundError{}}, 77}, {&gce.UnpublishedError{Err: &gce.Error{Status: 403, Reason: "forbidden"}}, 77},
		{dialed(iap.StageUpgrade, &iap.HTTPError{Status: 403}), 77}, {dialed(iap.StageUpgrade, &iap.HTTPError{Status: 401}), 77},
		{dialed(iap.StageUpgrade, &iap.HTTPError{Status: 503}), 75}, {dialed(iap.StageUpgrade, &iap.HTTPError{Status: 429}), 75},
		{dialed(iap.StageUpgrade, &iap.HTTPError{Status: 404}), 1},
		{dialed(iap.StageConnect, syscall.ECONNREFUSED), 75}, {dialed(iap.StageSession, context.DeadlineExceeded), 75},
		{dialed(iap.StageTLS, io.EOF), 75}, {dialed(iap.StageTLS, context.DeadlineExceeded), 75}, {dialed(iap.StageTarget, io.EOF), 2},
		{dialed(iap.StageToken, &creds.NotFoundError{}), 77}, {dialed(iap.StageToken, &creds.RefreshError{Status: 400}), 77},
		{dialed(iap.StageToken, &creds.RefreshError{Status: 503}), 75}, {dialed(iap.StageToken, &creds.FileError{Err: io.EOF}), 77},
		{dialed(iap.StageToken, &creds.RefusedError{}), 77}, {errors.New("other"), 1},
	} {
		if got := Exit(tc.err); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.err, got, tc.want)
		}
	}
}

func TestSpeaker(t *testing.T) {
	f := Failure{Cause: "Local port [1] is not available.", Speaker: "gcloud.compute.start-iap-tunnel", Fix: "another"}
	if got := f.Lines(); got != "ERROR: (gcloud.compute.start-iap-tunnel) Local port [1] is not available.\nanother\n" {
		t.Errorf("%q", got)
	}
}

// What the network quotes of a secret is not passed on.
func TestSecrets(t *testing.T) {
	for _, secret := range []string{"ya29.a0AfH6S-x_y", "1//0gabcdefghijkl", "eyJhbGciOi.eyJpc3Mi.c2ln", "GOCSPX-abc_DEF", "Bearer abc.def-ghi/jkl", "bearer  0123456789ab"} {
		if got := Clean("said: '" + secret + "', it"); got != "said: '[secret]', it" {
			t.Errorf("%q became %q", secret, got)
		}
	}
	for _, text := range []string{"https://example.com/1/2", "the bearer token", "ya29", "a1//b"} {
		if got := Clean(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
