package report

import (
	"strings"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// What is wrong with a VM has the command that mends it.
func TestOfVM(t *testing.T) {
	ref := gce.Ref{Project: "p", Zone: "z", Name: "vm"}
	state := func(status string) error { return &gce.NotRunningError{Ref: ref, Status: status} }
	for _, tc := range []struct {
		err  error
		code string
		fix  string
	}{
		{state("TERMINATED"), CodeNotRunning, "run: gcloud compute instances start vm --zone=z --project=p"},
		{state("SUSPENDED"), CodeNotRunning, "run: gcloud compute instances resume vm --zone=z --project=p"},
		{state("STOPPING"), CodeNotRunning, "once it has stopped run: gcloud compute instances start vm "},
		{state("SUSPENDING"), CodeNotRunning, "once it has stopped run: gcloud compute instances resume vm "},
		{state("STAGING"), CodeNotRunning, "wait until it runs: iapssh --wait vm"},
		{&gce.MisplacedError{Ref: ref, Zones: []string{"a", "b"}}, CodeMisplaced, "--zone=a or --zone=b"},
		{&gce.MisplacedError{Ref: ref}, CodeMisplaced, "gcloud compute instances list --project=p"},
		{&gce.NoInterfaceError{Ref: ref, NIC: "nic1", Have: []string{"nic0"}}, CodeNoInterface, "--network-interface=nic0"},
		{&gce.FirewallError{Ref: ref, Port: 22}, CodeFirewall, "create allow-iap --project=p --allow=tcp:22 --source-ranges=35.235.240.0/20"},
		{&gce.FirewallError{Ref: ref, Port: 22, Network: "n", Rule: &gce.FirewallRule{Tier: gce.TierVPC, Name: "d", Priority: 7}}, CodeFirewall, "--project=p --network=n --priority=6 --allow=tcp:22"},
		{&gce.FirewallError{Ref: ref, Port: 22, Rule: &gce.FirewallRule{Tier: gce.TierVPC, Name: "d"}}, CodeFirewall, "firewall-rules update d --project=p --priority="},
		{&gce.FirewallError{Ref: ref, Port: 22, Rule: &gce.FirewallRule{Tier: gce.TierHierarchy, Policy: "org"}}, CodeFirewall, "who keeps the policy"},
		{&gce.ClosedPortError{Ref: ref, Port: 22}, CodeClosedPort, "gcloud compute instances get-serial-port-output vm --zone=z --project=p"},
		{&gce.NotSSHError{Ref: ref, Port: 22, Said: "Exceeded MaxStartups"}, CodeNotSSH, "PerSourcePenaltyExemptList"},
		{&gce.NotSSHError{Ref: ref, Port: 22, Said: "220 ESMTP"}, CodeNotSSH, "-p"},
		{&gce.NotSSHError{Ref: ref, Port: 22}, CodeNotSSH, "get-serial-port-output"},
	} {
		if f := Of(tc.err, Facts{}); f.Code != tc.code || !strings.Contains(f.Fix, tc.fix) || f.Cause == "" {
			t.Errorf("%v: %+v", tc.err, f)
		}
	}
}
