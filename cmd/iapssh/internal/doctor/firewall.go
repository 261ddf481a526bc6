package doctor

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// iapSource is where IAP's connections to VMs come from (cloud.google.com/iap/docs/using-tcp-forwarding). There is none of IPv6.
var iapSource = netip.MustParsePrefix("35.235.240.0/20")

// passage says whether a firewall lets IAP's connections through.
type passage struct {
	Admitted bool
	Unsure   bool              // it depends on the rule's Unseen, or without a rule on the order of the tiers
	Rule     *gce.FirewallRule // that decides, of the addresses for which the answer is worst; nil: none does, and nothing is let in
}

// The orders in which a network asks the tiers, the usual one first (networkFirewallPolicyEnforcementOrder).
var (
	afterVPC  = []gce.Tier{gce.TierHierarchy, gce.TierSystem, gce.TierVPC, gce.TierNetwork, gce.TierRegional}
	beforeVPC = []gce.Tier{gce.TierHierarchy, gce.TierSystem, gce.TierNetwork, gce.TierRegional, gce.TierVPC}
)

// admits decides whether rules, which are those of one of the VM's interfaces, let IAP's connections pass to a port of it.
func admits(rules []gce.FirewallRule, vm gce.Instance, port int) passage {
	about := slices.DeleteFunc(slices.Clone(rules), func(r gce.FirewallRule) bool { return !isAbout(r, vm, port) })
	usual := decide(iapSource, inOrder(about, afterVPC))
	other := decide(iapSource, inOrder(about, beforeVPC))
	switch {
	case other.Unsure && !usual.Unsure:
		return other
	case usual.Admitted != other.Admitted && !usual.Unsure:
		return passage{Unsure: true}
	}
	return usual
}

func inOrder(rules []gce.FirewallRule, tiers []gce.Tier) []gce.FirewallRule {
	sorted := slices.Clone(rules)
	slices.SortStableFunc(sorted, func(a, b gce.FirewallRule) int {
		return cmp.Compare(slices.Index(tiers, a.Tier), slices.Index(tiers, b.Tier))
	})
	return sorted
}

// isAbout says that the VM is among a rule's targets, and the port among what it is about.
func isAbout(r gce.FirewallRule, vm gce.Instance, port int) bool {
	shared := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
	}
	if len(r.Tags)+len(r.Accounts) > 0 && !shared(r.Tags, vm.Tags) && !shared(r.Accounts, vm.ServiceAccounts) {
		return false
	}
	return len(r.Protocols) == 0 || slices.ContainsFunc(r.Protocols, func(p gce.Protocol) bool { return hasPort(p, port) })
}

func hasPort(p gce.Protocol, port int) bool {
	const tcp = "6" // IANA's number
	if name := strings.ToLower(p.Name); name != "tcp" && name != "all" && name != tcp {
		return false
	}
	return len(p.Ports) == 0 || slices.ContainsFunc(p.Ports, func(r gce.PortRange) bool { return r.First <= port && port <= r.Last })
}

// decide asks the rules about all addresses of source. Those that a rule divides are asked about each by itself, and the worse
// answer counts.
func decide(source netip.Prefix, rules []gce.FirewallRule) passage {
	for i, r := range rules {
		whole, part := covers(r.Sources, source)
		switch {
		case part:
			low, high := halves(source)
			return worse(decide(low, rules[i:]), decide(high, rules[i:]))
		case !whole:
			continue
		}
		then := byAction(&r, source, rules[i+1:])
		if r.Unseen == "" {
			return then
		}
		otherwise := decide(source, rules[i+1:])
		if otherwise.Unsure || !then.Unsure && then.Admitted == otherwise.Admitted {
			return otherwise
		}
		return passage{Rule: &r, Unsure: true}
	}
	return passage{}
}

// byAction is the answer of a rule that is about all of source; rest are those after it.
func byAction(r *gce.FirewallRule, source netip.Prefix, rest []gce.FirewallRule) passage {
	switch r.Action {
	case "deny":
		return passage{Rule: r}
	case "goto_next":
		for len(rest) > 0 && rest[0].Tier == r.Tier && rest[0].PolicyID == r.PolicyID {
			rest = rest[1:]
		}
		return decide(source, rest)
	}
	return passage{Admitted: true, Rule: r}
}

// covers says whether some of the prefixes has all of source, or else a part of it.
func covers(prefixes []netip.Prefix, source netip.Prefix) (whole, part bool) {
	for _, p := range prefixes {
		switch {
		case p.Bits() <= source.Bits() && p.Contains(source.Addr()):
			return true, false
		case source.Contains(p.Addr()):
			part = true
		}
	}
	return false, part
}

func halves(p netip.Prefix) (low, high netip.Prefix) {
	bits := p.Bits() + 1
	address := p.Addr().As4()
	address[(bits-1)/8] |= 1 << (7 - (bits-1)%8)
	return netip.PrefixFrom(p.Addr(), bits), netip.PrefixFrom(netip.AddrFrom4(address), bits)
}

// worse of two answers: to be refused, not to know, to be let in.
func worse(a, b passage) passage {
	rank := func(p passage) int {
		switch {
		case p.Admitted:
			return 2
		case p.Unsure:
			return 1
		}
		return 0
	}
	if rank(b) < rank(a) {
		return b
	}
	return a
}
