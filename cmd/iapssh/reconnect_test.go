package main

import (
	"errors"
	"io"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
)

// Which failures another connection may mend, with nobody there.
func TestGoesOn(t *testing.T) {
	lost := func(err error) error { return &sshclient.LostError{Host: "vm", Err: err} }
	closed := func(code int) error { return lost(&iap.CloseError{Code: code, Established: true}) }
	dialed := func(stage iap.Stage, err error) error { return &iap.DialError{Stage: stage, Err: err} }
	handshake := func(err error) error {
		return &sshclient.HandshakeError{Host: "vm", Stage: sshclient.StageAuth, Err: err}
	}
	for _, tc := range []struct {
		err  error
		want bool
	}{
		// A session ends.
		{lost(io.EOF), true}, {lost(sshclient.ErrServerSilent), true}, {lost(lost(syscall.ECONNRESET)), true},
		{closed(4001), true}, {closed(4002), true}, {closed(4004), true}, {closed(4010), true}, {closed(4047), true}, {closed(4051), true}, {closed(4074), true},
		{lost(&iap.LinkError{Err: io.EOF}), true}, {lost(&iap.ProtocolError{}), true}, {closed(4033), false},
		// None comes about.
		{dialed(iap.StageSession, &iap.CloseError{Code: 4003}), true}, {dialed(iap.StageSession, &iap.CloseError{Code: 4047}), true},
		{dialed(iap.StageSession, &iap.CloseError{Code: 4033}), false}, {dialed(iap.StageUpgrade, &iap.HTTPError{Status: 503}), true},
		{dialed(iap.StageUpgrade, &iap.HTTPError{Status: 302}), true}, {dialed(iap.StageUpgrade, &iap.HTTPError{Status: 403}), false},
		{dialed(iap.StageConnect, syscall.ENETUNREACH), true}, {dialed(iap.StageToken, &creds.RefreshError{Status: 503}), true},
		{dialed(iap.StageToken, &creds.RefreshError{Status: 400, Code: "invalid_grant"}), false}, {dialed(iap.StageToken, &creds.NotFoundError{}), false},
		{&report.DirectError{Host: "vm", Err: syscall.ECONNREFUSED}, true}, {&config.MissingError{What: "zone"}, false},
		// One comes about, and not what is to run over it.
		{handshake(io.EOF), true}, {handshake(&knownhosts.RefusedError{Verdict: knownhosts.Verdict{Status: knownhosts.Changed}}), false}, {handshake(&sshclient.AuthError{}), true},
		{&sshclient.ForwardError{Err: sshclient.ErrRefused}, true}, {errors.New("something else"), false},
	} {
		f, now := report.Of(tc.err, report.Facts{}), time.Unix(1000, 0)
		var o outage
		o.fail(f, now, now)
		if got := o.goesOn(f, now); got != tc.want {
			t.Errorf("%v: %v", tc.err, got)
		}
		if o.goesOn(f, now.Add(givenUp)) {
			t.Errorf("%v: does not end", tc.err)
		}
	}
}

// An outage lasts until a connection does; a server may refuse the user some times, but not in a row.
func TestOutage(t *testing.T) {
	gone, refused := report.Failure{Retryable: true}, report.Failure{Code: report.CodeAuth}
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	never := time.Time{}
	var o outage
	for _, step := range []struct {
		f           report.Failure
		opened, now time.Time
		want        outage
		goesOn      bool
	}{
		{gone, at(0), at(500), outage{at(500), 1, 0}, true},
		{gone, never, at(502), outage{at(500), 2, 0}, true},
		{refused, never, at(504), outage{at(500), 3, 1}, true},
		{refused, never, at(506), outage{at(500), 4, 2}, true},
		{gone, never, at(508), outage{at(500), 5, 0}, true},
		{gone, at(510), at(569), outage{at(500), 6, 0}, true}, // not for long enough
		{gone, at(570), at(630), outage{at(630), 1, 0}, true},
		{refused, never, at(632), outage{at(630), 2, 1}, true},
		{refused, never, at(634), outage{at(630), 3, 2}, true},
		{refused, never, at(636), outage{at(630), 4, 3}, false},
	} {
		o.fail(step.f, step.opened, step.now)
		if o != step.want || o.goesOn(step.f, step.now) != step.goesOn {
			t.Errorf("at %v: %+v, want %+v", step.now, o, step.want)
		}
	}
}

func TestPause(t *testing.T) {
	for _, tc := range []struct {
		failures    int
		least, most time.Duration
	}{{1, time.Second / 2, time.Second}, {2, time.Second, 2 * time.Second}, {5, 8 * time.Second, 16 * time.Second}, {6, 15 * time.Second, 30 * time.Second}, {1 << 40, 15 * time.Second, 30 * time.Second}} {
		if least, most := pause(tc.failures, 0), pause(tc.failures, 1); least != tc.least || most != tc.most {
			t.Errorf("%d: from %v to %v", tc.failures, least, most)
		}
	}
}

// What a connection has learnt of where its host is holds for the next.
func TestPlaced(t *testing.T) {
	open, zoned := config.Target{Instance: "vm", Project: "p"}, config.Target{Instance: "vm", Project: "p", Zone: "z"}
	elsewhere := config.Target{Instance: "vm", Project: "p", Zone: "y"}
	revision := config.Target{Instance: "web/revisions/2", Workload: config.Workload{Type: "service"}}
	for _, tc := range []struct {
		name                string
		plan, learnt, after config.Plan
	}{
		{"looked up", config.Plan{Route: config.RouteLookup, IAP: open}, config.Plan{Route: config.RouteIAP, IAP: zoned}, config.Plan{Route: config.RouteIAP, IAP: zoned, Remembered: true}},
		{"no VM", config.Plan{Route: config.RouteLookup, IAP: open}, config.Plan{Route: config.RouteDirect, IAP: open, RouteReason: "no VM"}, config.Plan{Route: config.RouteDirect, IAP: open, RouteReason: "no VM", Remembered: true}},
		{"in a zone", config.Plan{Route: config.RouteLookup, IAP: zoned}, config.Plan{Route: config.RouteIAP, IAP: zoned}, config.Plan{Route: config.RouteIAP, IAP: zoned}},
		{"moved", config.Plan{Route: config.RouteIAP, IAP: zoned, Remembered: true}, config.Plan{Route: config.RouteIAP, IAP: elsewhere}, config.Plan{Route: config.RouteIAP, IAP: elsewhere, Remembered: true}},
		{"two ways", config.Plan{Route: config.RouteEither, IAP: open}, config.Plan{Route: config.RouteAddress, Address: "external", IAP: zoned}, config.Plan{Route: config.RouteEither, IAP: zoned, Remembered: true}},
		{"given", config.Plan{Route: config.RouteIAP, IAP: zoned}, config.Plan{Route: config.RouteIAP, IAP: zoned, User: "os_login"}, config.Plan{Route: config.RouteIAP, IAP: zoned}},
		{"workload", config.Plan{Route: config.RouteIAP, IAP: config.Target{Instance: "web", Workload: revision.Workload}}, config.Plan{Route: config.RouteIAP, IAP: revision}, config.Plan{Route: config.RouteIAP, IAP: config.Target{Instance: "web", Workload: revision.Workload}}},
	} {
		if got := placed(tc.plan, tc.learnt); !reflect.DeepEqual(got, tc.after) {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

// Connections that follow the first are more careful than that.
func TestUnattended(t *testing.T) {
	for _, tc := range []struct{ sharing, want, strict, wantStrict string }{
		{"auto", "yes", "no", "accept-new"}, {"autoask", "ask", "ask", "ask"}, {"yes", "yes", "yes", "yes"}, {"no", "no", "accept-new", "accept-new"},
	} {
		got := unattended(config.Plan{Sharing: config.Sharing{Master: tc.sharing, Path: "/s"}, StrictHostKeyChecking: tc.strict, Wait: time.Hour})
		if got.Sharing.Master != tc.want || got.Sharing.Joins() || got.StrictHostKeyChecking != tc.wantStrict || got.ConnectTimeout != attemptPatience || got.Wait != 0 {
			t.Errorf("%+v: %+v", tc, got)
		}
	}
	if got := unattended(config.Plan{ConnectTimeout: 7}); got.ConnectTimeout != 7 {
		t.Errorf("ConnectTimeout %v", got.ConnectTimeout)
	}
}
