package gce

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// What the API tells comes in the order in which rules are asked, without what is switched off or about the other direction.
func TestFirewall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		s.SetFirewall(project, `{
			"firewalls": [
				{"name": "late", "direction": "INGRESS", "priority": 2000, "sourceRanges": ["10.0.0.0/8"], "allowed": [{"IPProtocol": "all"}]},
				{"name": "yes", "direction": "INGRESS", "priority": 1000, "sourceRanges": ["35.235.240.5", "::/0"], "targetTags": ["web"], "allowed": [{"IPProtocol": "tcp", "ports": ["22", "8000-8010", "x"]}]},
				{"name": "no", "priority": 1000, "sourceRanges": ["35.235.240.0/20"], "denied": [{"IPProtocol": "6"}]},
				{"name": "tagged", "direction": "INGRESS", "priority": 1, "sourceTags": ["bastion"], "allowed": [{"IPProtocol": "tcp"}]},
				{"name": "off", "direction": "INGRESS", "priority": 1, "disabled": true, "sourceRanges": ["0.0.0.0/0"], "allowed": [{"IPProtocol": "tcp"}]},
				{"name": "out", "direction": "EGRESS", "priority": 1, "denied": [{"IPProtocol": "tcp"}]}
			],
			"firewallPolicys": [
				{"name": "9", "shortName": "net", "type": "NETWORK", "priority": 2, "rules": [
					{"direction": "INGRESS", "priority": 1, "action": "allow", "match": {"srcSecureTags": [{"name": "tagValues/1"}], "layer4Configs": [{"ipProtocol": "tcp"}]}}]},
				{"name": "1", "shortName": "org", "type": "HIERARCHY", "rules": [
					{"direction": "INGRESS", "priority": 20, "action": "deny", "match": {"srcIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]}},
					{"direction": "INGRESS", "priority": 10, "ruleName": "first", "action": "goto_next", "targetServiceAccounts": ["projects/p/serviceAccounts/vm@x"],
						"match": {"srcIpRanges": ["35.235.240.0/20"], "srcNetworkContext": "INTERNET", "layer4Configs": [{"ipProtocol": "tcp", "ports": ["1-1024"]}]}}]},
				{"name": "gke", "type": "SYSTEM_REGIONAL", "priority": 1, "rules": [
					{"direction": "INGRESS", "priority": 1, "action": "allow", "targetSecureTags": [{"name": "tagValues/2"}], "match": {"srcIpRanges": ["10.0.0.0/8"]}}]}
			]}`)
		rules, err := c.Firewall(t.Context(), ref, "nic0")
		var got []string
		for _, r := range rules {
			got = append(got, fmt.Sprint(r.Tier, " ", r.PolicyID, " ", r.Policy, r.Name, " ", r.Priority, " ", r.Action, " ", r.Sources, r.Protocols, r.Tags, r.Accounts, r.Unseen))
		}
		want := `VPC  tagged 1 allow [] [{tcp []}] [] []
VPC  no 1000 deny [35.235.240.0/20] [{6 []}] [] []
VPC  yes 1000 allow [35.235.240.5/32] [{tcp [{22 22} {8000 8010}]}] [web] []
VPC  late 2000 allow [10.0.0.0/8] [{all []}] [] []
HIERARCHY 1 orgfirst 10 goto_next [35.235.240.0/20] [{tcp [{1 1024}]}] [] [vm@x]the network of the source
HIERARCHY 1 org 20 deny [0.0.0.0/0] [{all []}] [] []
SYSTEM gke gke 1 allow [10.0.0.0/8] [] [] []secure tags of the VM
NETWORK 9 net 1 allow [0.0.0.0/0] [{tcp []}] [] []secure tags of the source`
		if err != nil || strings.Join(got, "\n") != want {
			t.Errorf("%v\n%s", err, strings.Join(got, "\n"))
		}
		if _, err := c.Firewall(t.Context(), ref, "nic7"); err == nil {
			t.Error("there is no such interface")
		}
		s.Revoke("compute.instances.getEffectiveFirewalls")
		if _, err := c.Firewall(t.Context(), ref, "nic0"); !isDenied(err) {
			t.Error(err)
		}
	})
}
