package config

import (
	"errors"
	"testing"
	"time"
)

// --wait has a time attached, or five minutes, and does not take the word that follows.
func TestWait(t *testing.T) {
	m := machine{env: map[string]string{"CLOUDSDK_CORE_PROJECT": "p", "CLOUDSDK_COMPUTE_ZONE": "z"}}
	for _, tc := range []struct {
		argv string
		want time.Duration
	}{
		{"vm", 0},
		{"--wait vm", 5 * time.Minute},
		{"vm --wait=90 true", 90 * time.Second},
		{"-o IAPWait=1h30m vm", 90 * time.Minute},
		{"--wait=2m -o IAPWait=1h vm", 2 * time.Minute},
		{"--listen-on-stdin --wait vm 22", 5 * time.Minute},
		{"--listen-on-stdin vm 22 --wait=10s", 10 * time.Second},
		{"--tunnel --wait vm 22", 5 * time.Minute},
		{"--tunnel vm:22 --wait=1m", time.Minute},
	} {
		plan, err := m.resolve(t, tc.argv)
		if err == nil && plan.Mode == ModeTunnel {
			plan = plan.Tunnel.Ports[0].To
		}
		if err != nil || plan.Wait != tc.want || plan.Original != "vm" {
			t.Errorf("%s: %v for %s, %v", tc.argv, plan.Wait, plan.Original, err)
		}
		if tc.want > 0 && plan.Route != RouteIAP {
			t.Errorf("%s: route %s", tc.argv, plan.Route)
		}
	}
	// Served in this process a ProxyCommand of ours says the same, unless a keyword does; so it is with --reason.
	m = withConfig("Host vm\n ProxyCommand iapssh --listen-on-stdin --wait=90s --reason=why --project=p --zone=z %h %p\n")
	for argv, want := range map[string]string{"vm": "1m30s why", "--wait=2m vm": "2m0s why", "--reason=so vm": "1m30s so"} {
		if p, err := m.resolve(t, argv); err != nil || p.Route != RouteIAP || p.Wait.String()+" "+p.Reason != want {
			t.Errorf("%s: %s %s %q, %v", argv, p.Route, p.Wait, p.Reason, err)
		}
	}
	m = withConfig("Host vm\n ProxyCommand iapssh --listen-on-stdin --wait=x %h %p\n")
	if p, err := m.resolve(t, "vm"); err != nil || p.Route != RouteProxyCommand {
		t.Errorf("%s, %v", p.Route, err) // it complains for itself
	}
	for _, argv := range []string{"--doctor --wait vm", "--doctor vm --wait=1m", "--doctor vm --timing", "--wait= vm", "--wait=x vm", "--tunnel --wait=x vm 22", "--listen-on-stdin --wait=-1 vm 22"} {
		var bad *UsageError
		if _, err := m.resolve(t, argv); !errors.As(err, &bad) {
			t.Errorf("%s: %v", argv, err)
		}
	}
}
