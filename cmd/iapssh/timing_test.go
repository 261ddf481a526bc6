package main

import (
	"slices"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/timing"
	"github.com/iapssh/iapssh/transport/iap"
)

func TestDialSpans(t *testing.T) {
	const ms = time.Millisecond
	signIn, dns, connect := timing.Span{Name: "sign-in", End: 25 * ms}, timing.Span{Name: "dns", End: 5 * ms}, timing.Span{Name: "connect", Begin: 5 * ms, End: 10 * ms}
	tls := timing.Span{Name: "tls", Begin: 10 * ms, End: 20 * ms}
	failed := func(name string, from time.Duration) timing.Span {
		return timing.Span{Name: name, Begin: from, End: 60 * ms, Failed: true}
	}
	for _, tc := range []struct {
		name   string
		phases iap.Phases
		failed iap.Stage
		want   []timing.Span
	}{
		{"whole", iap.Phases{Token: 25 * ms, Resolve: 5 * ms, Connect: 10 * ms, TLS: 20 * ms, Upgrade: 40 * ms, Session: 60 * ms}, "", []timing.Span{signIn, dns, connect, tls,
			{Name: "upgrade", Begin: 25 * ms, End: 40 * ms}, {Name: "relay session", Begin: 40 * ms, End: 60 * ms}}},
		{"an address", iap.Phases{Connect: 10 * ms, TLS: 20 * ms}, iap.StageUpgrade, []timing.Span{
			{Name: "connect", End: 10 * ms}, tls, failed("upgrade", 20*ms)}},
		{"no token", iap.Phases{Resolve: 5 * ms, Connect: 10 * ms, TLS: 20 * ms}, iap.StageToken, []timing.Span{failed("sign-in", 0), dns, connect, tls}},
		{"refused", iap.Phases{Token: 25 * ms, Resolve: 5 * ms}, iap.StageConnect, []timing.Span{signIn, dns, failed("connect", 5*ms)}},
		{"untrusted", iap.Phases{Resolve: 5 * ms, Connect: 10 * ms, TLS: 20 * ms}, iap.StageTLS, []timing.Span{dns, connect, failed("tls", 10*ms)}},
		{"no target", iap.Phases{}, iap.StageTarget, nil},
	} {
		if got := dialSpans(tc.phases, tc.failed, 60*ms); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
