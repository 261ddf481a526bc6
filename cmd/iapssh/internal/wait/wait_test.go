package wait

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
)

func closed(code int) error {
	return &iap.DialError{Stage: iap.StageSession, Err: &iap.CloseError{Code: code}}
}

func handshake(stage sshclient.Stage, err error) error {
	return &sshclient.HandshakeError{Stage: stage, Err: err}
}

func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	vm := func(status string, age time.Duration, metadata ...gce.Item) gce.Instance {
		return gce.Instance{Status: status, Created: now.Add(-age), Metadata: gce.Metadata{Items: metadata}}
	}
	young, old := vm("RUNNING", time.Minute), vm("RUNNING", time.Hour)
	denied := handshake(sshclient.StageAuth, &sshclient.AuthError{})
	unknown := handshake(sshclient.StageHostKey, &knownhosts.RefusedError{Verdict: knownhosts.Verdict{Status: knownhosts.Unknown}})
	yes := "TRUE"
	publishing := vm("RUNNING", time.Minute, gce.Item{Key: "enable-guest-attributes", Value: &yes})
	for _, tc := range []struct {
		name string
		f    Facts
		want string // what is waited for; "" nothing; "start" that the VM is started
	}{
		{"nothing listens", Facts{Err: closed(4003)}, "for the port to answer"},
		{"nothing listens, starting", Facts{Err: closed(4003), VM: vm("STAGING", 0)}, "for the port to answer"},
		{"nothing listens, and long since", Facts{Err: closed(4003), VM: old}, "for the port to answer"},
		{"reset", Facts{Err: closed(4010)}, "for the port to answer"},
		{"no word about it", Facts{Err: &iap.DialError{Stage: iap.StageSession, Err: context.DeadlineExceeded}}, "for the port to answer"},
		{"not found yet", Facts{Err: closed(4047)}, "for IAP to find the VM"},
		{"not found by a resume", Facts{Err: &iap.DialError{Resume: true, Err: &iap.CloseError{Code: 4047, Established: true}}}, ""},
		{"not listed yet", Facts{Err: &gce.NotFoundError{}}, "for the VM to be created"},
		{"stopped", Facts{Err: closed(4003), VM: vm("TERMINATED", time.Hour)}, "start"},
		{"stopping", Facts{Err: closed(4047), VM: vm("STOPPING", time.Hour)}, "start"},
		{"suspended", Facts{Err: handshake(sshclient.StageBanner, io.EOF), VM: vm("SUSPENDED", time.Hour)}, "start"},

		{"not authorized", Facts{Err: closed(4033)}, ""},
		{"not authorized, and old", Facts{Err: closed(4033), VM: old}, ""},
		{"not authorized yet", Facts{Err: closed(4033), VM: young}, "for IAP to let you through"},
		{"granted", Facts{Err: closed(4033), VM: old, Granted: true}, "for IAP to let you through"},
		{"signed out", Facts{Err: closed(4004), VM: young}, ""},
		{"our fault", Facts{Err: closed(4008), VM: young}, ""},

		{"hung up at once", Facts{Err: handshake(sshclient.StageBanner, io.EOF)}, "for sshd to start"},
		{"closed at once", Facts{Err: handshake(sshclient.StageBanner, &iap.CloseError{Code: 1000, Established: true})}, "for sshd to start"},
		{"reset at once", Facts{Err: handshake(sshclient.StageBanner, &iap.CloseError{Code: 4010, Established: true})}, "for sshd to start"},
		{"no greeting in time", Facts{Err: handshake(sshclient.StageBanner, context.DeadlineExceeded)}, "for sshd to start"},
		{"lost its way at once", Facts{Err: handshake(sshclient.StageBanner, &iap.CloseError{Code: 4001, Established: true})}, ""},
		{"hung up later", Facts{Err: handshake(sshclient.StageKex, io.EOF)}, ""},
		{"no common cipher", Facts{Err: handshake(sshclient.StageKex, errors.New("no common algorithm"))}, ""},

		{"no key", Facts{Err: denied, VM: old}, ""},
		{"a key was put there", Facts{Err: denied, VM: old, Pushed: true}, "for the key to be in force"},
		{"a key is there", Facts{Err: denied, VM: old, Placed: true}, ""},
		{"a key is there, from the beginning", Facts{Err: denied, VM: young, Placed: true}, "for the key to be in force"},
		{"no key in a new one", Facts{Err: denied, VM: young}, ""},

		{"a new host", Facts{Err: unknown, VM: young}, ""},
		{"a new host that will publish", Facts{Err: unknown, VM: publishing}, "for the VM to publish its host keys"},
		{"another host", Facts{Err: handshake(sshclient.StageHostKey, &knownhosts.RefusedError{Verdict: knownhosts.Verdict{Status: knownhosts.Changed}}), VM: publishing}, ""},

		{"busy", Facts{Err: &iap.DialError{Stage: iap.StageUpgrade, Err: &iap.HTTPError{Status: http.StatusServiceUnavailable}}}, "for IAP"},
		{"no such zone", Facts{Err: &iap.DialError{Stage: iap.StageUpgrade, Err: &iap.HTTPError{Status: http.StatusNotFound}}}, ""},
		{"no network", Facts{Err: &iap.DialError{Stage: iap.StageConnect, Err: syscall.ECONNREFUSED}}, ""},
		{"directly", Facts{Err: syscall.ECONNREFUSED}, "for the port to answer"},

		{"lost", Facts{Err: &sshclient.LostError{Err: &iap.CloseError{Code: 4003, Established: true}}, VM: young}, ""},
		{"lost by what lies below", Facts{Err: &sshclient.LostError{Err: handshake(sshclient.StageBanner, io.EOF)}, VM: young}, ""},
		{"anything else", Facts{Err: io.EOF, VM: young, Granted: true, Pushed: true}, ""},
	} {
		v := Decide(tc.f, now)
		got := v.For
		var state *gce.NotRunningError
		if errors.As(v.Err, &state) {
			got = "start"
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
		if (got != "") && !Hopeful(tc.f.Err) {
			t.Errorf("%s is not worth a look", tc.name)
		}
	}
}

func TestPause(t *testing.T) {
	for _, knocked := range []bool{false, true} {
		last := time.Duration(0)
		for tries := 1; tries < 1000; tries++ {
			pause := pauseAfter(tries, knocked)
			if pause < last || pause > 15*time.Second || knocked && pause <= 5*time.Second {
				t.Fatalf("after %d tries %v", tries, pause)
			}
			last = pause
		}
	}
}
