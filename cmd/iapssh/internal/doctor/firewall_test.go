package doctor

import (
	"net/netip"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// rule makes a VPC rule about tcp:22, which the changes alter.
func rule(name, action, source string, changes ...func(*gce.FirewallRule)) gce.FirewallRule {
	r := gce.FirewallRule{Tier: gce.TierVPC, Name: name, Priority: 1000, Action: action, Protocols: []gce.Protocol{{Name: "tcp", Ports: []gce.PortRange{{First: 22, Last: 22}}}}}
	if source != "" {
		r.Sources = []netip.Prefix{netip.MustParsePrefix(source)}
	}
	for _, change := range changes {
		change(&r)
	}
	return r
}

func TestAdmits(t *testing.T) {
	const iap = "35.235.240.0/20"
	of := func(tier gce.Tier, policy string) func(*gce.FirewallRule) {
		return func(r *gce.FirewallRule) { r.Tier, r.Policy, r.PolicyID = tier, policy, policy }
	}
	id := func(id string) func(*gce.FirewallRule) { return func(r *gce.FirewallRule) { r.PolicyID = id } }
	ports := func(name string, ranges ...gce.PortRange) func(*gce.FirewallRule) {
		return func(r *gce.FirewallRule) { r.Protocols = []gce.Protocol{{Name: name, Ports: ranges}} }
	}
	tag := func(name string) func(*gce.FirewallRule) {
		return func(r *gce.FirewallRule) { r.Tags = []string{name} }
	}
	account := func(name string) func(*gce.FirewallRule) {
		return func(r *gce.FirewallRule) { r.Accounts = []string{name} }
	}
	unseen := func(r *gce.FirewallRule) { r.Unseen = "secure tags" }
	vm := gce.Instance{Tags: []string{"web", "ssh"}, ServiceAccounts: []string{"robot@p"}}
	type rules []gce.FirewallRule
	for _, tc := range []struct {
		name  string
		rules rules
		want  string // the deciding rule with + or - before it; "none", "order", "?rule"
	}{
		{"nothing", nil, "none"},
		{"exactly", rules{rule("a", "allow", iap)}, "+a"},
		{"all the world", rules{rule("a", "allow", "0.0.0.0/0")}, "+a"},
		{"every protocol", rules{rule("a", "allow", iap, ports("all"))}, "+a"},
		{"by number", rules{rule("a", "allow", iap, ports("6"))}, "+a"},
		{"a range of ports", rules{rule("a", "allow", iap, ports("TCP", gce.PortRange{First: 1, Last: 3}, gce.PortRange{First: 20, Last: 25}))}, "+a"},
		{"another port", rules{rule("a", "allow", iap, ports("tcp", gce.PortRange{First: 3389, Last: 3389}))}, "none"},
		{"another protocol", rules{rule("a", "allow", iap, ports("udp"))}, "none"},
		{"another source", rules{rule("a", "allow", "10.0.0.0/8")}, "none"},
		{"no source by address", rules{rule("a", "allow", "")}, "none"},
		{"a tag of the VM's", rules{rule("a", "allow", iap, tag("ssh"))}, "+a"},
		{"a tag that it has not", rules{rule("a", "allow", iap, tag("db"))}, "none"},
		{"its account", rules{rule("a", "allow", iap, account("robot@p"))}, "+a"},
		{"another account", rules{rule("a", "allow", iap, account("other@p"))}, "none"},
		{"refused first", rules{rule("d", "deny", "0.0.0.0/0"), rule("a", "allow", iap)}, "-d"},
		{"refused afterwards", rules{rule("a", "allow", iap), rule("d", "deny", "0.0.0.0/0")}, "+a"},
		{"two halves", rules{rule("a", "allow", "35.235.240.0/21"), rule("b", "allow", "35.235.248.0/21")}, "+a"},
		{"one half", rules{rule("a", "allow", "35.235.240.0/21")}, "none"},
		{"one address refused", rules{rule("d", "deny", "35.235.243.7/32"), rule("a", "allow", iap)}, "-d"},
		{"the hierarchy goes first", rules{rule("a", "allow", iap), rule("d", "deny", iap, of(gce.TierHierarchy, "org"))}, "-d"},
		{"and may pass the question on", rules{rule("d", "deny", iap), rule("a", "allow", "10.0.0.0/8"),
			rule("n", "goto_next", "0.0.0.0/0", of(gce.TierHierarchy, "org")), rule("x", "allow", iap, of(gce.TierHierarchy, "org")), rule("f", "allow", iap, of(gce.TierHierarchy, "folder"))}, "+f"},
		{"past its own policy alone", rules{rule("n", "goto_next", "0.0.0.0/0", of(gce.TierHierarchy, "same"), id("1")),
			rule("d", "deny", iap, of(gce.TierHierarchy, "same"), id("2")), rule("a", "allow", iap)}, "-d"},
		{"on, by an unseen condition", rules{rule("n", "goto_next", "0.0.0.0/0", of(gce.TierHierarchy, "org"), id("1"), unseen), rule("d", "deny", iap, of(gce.TierHierarchy, "org"), id("1")),
			rule("t", "allow", iap, of(gce.TierHierarchy, "folder"), id("2"), unseen)}, "?n"},
		{"inspected", rules{rule("i", "apply_security_profile_group", iap, of(gce.TierHierarchy, "org"))}, "+i"},
		{"the network's policy alone", rules{rule("p", "allow", iap, of(gce.TierNetwork, "net"))}, "+p"},
		{"it contradicts", rules{rule("a", "allow", iap), rule("p", "deny", iap, of(gce.TierNetwork, "net"))}, "order"},
		{"it agrees", rules{rule("a", "allow", iap), rule("p", "allow", iap, of(gce.TierNetwork, "net"))}, "+a"},
		{"a secure tag matters", rules{rule("t", "allow", iap, of(gce.TierNetwork, "net"), unseen)}, "?t"},
		{"a secure tag matters in one order", rules{rule("a", "allow", iap), rule("t", "deny", iap, of(gce.TierNetwork, "net"), unseen)}, "?t"},
		{"a secure tag does not", rules{rule("t", "deny", "10.0.0.0/8", of(gce.TierHierarchy, "org"), unseen), rule("a", "allow", iap)}, "+a"},
		{"whatever the tag", rules{rule("t", "allow", iap, of(gce.TierHierarchy, "org"), unseen), rule("a", "allow", iap)}, "+a"},
		{"a tag, and a refusal in part", rules{rule("t", "allow", iap, of(gce.TierHierarchy, "org"), unseen), rule("a", "allow", "35.235.240.0/21")}, "?t"},
	} {
		got := admits(tc.rules, vm, 22)
		text := ""
		switch {
		case got == passage{}:
			text = "none"
		case got == passage{Unsure: true}:
			text = "order"
		case got.Unsure:
			text = "?" + got.Rule.Name
		default:
			text = map[bool]string{true: "+", false: "-"}[got.Admitted] + got.Rule.Name
		}
		if text != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, text, tc.want)
		}
	}
}
