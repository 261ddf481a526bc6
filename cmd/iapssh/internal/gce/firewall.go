package gce

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Tier is one of the places where firewall rules are kept.
type Tier string

// The tiers, by the API's names of the kinds of policies.
const (
	TierHierarchy Tier = "HIERARCHY"        // policies of the organisation and its folders
	TierSystem    Tier = "SYSTEM"           // policies that Google manages
	TierVPC       Tier = "VPC"              // the network's own rules, which belong to no policy
	TierNetwork   Tier = "NETWORK"          // the network's policies
	TierRegional  Tier = "NETWORK_REGIONAL" // those of a region of it
)

// A FirewallRule is about connections that come to a network interface.
type FirewallRule struct {
	Tier     Tier
	Policy   string // what people call it; empty in TierVPC
	PolicyID string // tells it from others that are called the same
	Name     string // may be empty in a policy
	Priority int
	Action   string // "allow", "deny", "goto_next" (of the policies), "apply_security_profile_group" (which lets pass what is harmless)

	Sources   []netip.Prefix // the addresses that it is about
	Protocols []Protocol     // none: all
	// Tags and Accounts are whom it is about: VMs that have one of them. None: all VMs.
	Tags, Accounts []string
	// Unseen is a condition that cannot be judged by what the API tells, such as a secure tag; empty: there is none.
	Unseen string
}

// String names the rule for a person.
func (r FirewallRule) String() string {
	if r.Tier == TierVPC {
		return fmt.Sprintf("firewall rule %s (priority %d)", r.Name, r.Priority)
	}
	return fmt.Sprintf("the rule with priority %d of firewall policy %s", r.Priority, r.Policy)
}

// A Protocol is "tcp", a number, or "all". No Ports are all of them.
type Protocol struct {
	Name  string
	Ports []PortRange
}

// A PortRange goes from First to Last, both included.
type PortRange struct{ First, Last int }

// Firewall reads the rules that are in force for what comes to a network interface of a VM, and may decide about IPv4. Within a tier
// they are in the order in which they are asked: the first that is about a connection decides.
func (c *Client) Firewall(ctx context.Context, ref Ref, nic string) ([]FirewallRule, error) {
	var answer struct {
		Firewalls       []vpcRule
		FirewallPolicys []policy
	}
	r := request{name: "compute.instances.getEffectiveFirewalls", method: http.MethodGet,
		url: c.instanceURL(ref, "getEffectiveFirewalls") + "?networkInterface=" + url.QueryEscape(nic)}
	if err := c.do(ctx, r, &answer); err != nil {
		return nil, err
	}
	var rules []FirewallRule
	for _, f := range answer.Firewalls {
		if f.Direction != "EGRESS" && !f.Disabled {
			rules = append(rules, f.rule())
		}
	}
	slices.SortStableFunc(rules, func(a, b FirewallRule) int {
		// Of two with the same priority that which refuses goes first.
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), -cmp.Compare(a.Action, b.Action))
	})
	// Those of the hierarchy have no priorities, and are listed from the top.
	slices.SortStableFunc(answer.FirewallPolicys, func(a, b policy) int { return cmp.Compare(a.Priority, b.Priority) })
	for _, p := range answer.FirewallPolicys {
		rules = append(rules, p.rules()...)
	}
	return rules, nil
}

// vpcRule is the resource "firewall" as the API gives it.
type vpcRule struct {
	Name                  string
	Direction             string
	Disabled              bool
	Priority              int
	SourceRanges          []string
	TargetTags            []string
	TargetServiceAccounts []string
	Allowed, Denied       []layer4
}

// rule leaves out sources that are tags or accounts: those are VMs.
func (f vpcRule) rule() FirewallRule {
	r := FirewallRule{
		Tier: TierVPC, Name: f.Name, Priority: f.Priority, Action: "allow",
		Sources: prefixes(f.SourceRanges), Protocols: protocols(f.Allowed), Tags: f.TargetTags, Accounts: f.TargetServiceAccounts,
	}
	if len(f.Denied) > 0 {
		r.Action, r.Protocols = "deny", protocols(f.Denied)
	}
	return r
}

// policy is a firewall policy as the API gives it.
type policy struct {
	Name, ShortName string
	Type            string
	Priority        int
	Rules           []policyRule
}

type policyRule struct {
	RuleName  string
	Direction string
	Disabled  bool
	Priority  int
	Action    string
	Match     struct {
		SrcIPRanges            []string
		Layer4Configs          []layer4
		SrcSecureTags          []any
		SrcFQDNs               []string
		SrcRegionCodes         []string
		SrcThreatIntelligences []string
		SrcAddressGroups       []string
		SrcNetworkType         string
		SrcNetworkContext      string
	}
	TargetSecureTags      []any
	TargetServiceAccounts []string
}

func (p policy) rules() []FirewallRule {
	slices.SortStableFunc(p.Rules, func(a, b policyRule) int { return cmp.Compare(a.Priority, b.Priority) })
	var rules []FirewallRule
	for _, r := range p.Rules {
		if r.Direction == "EGRESS" || r.Disabled {
			continue
		}
		rules = append(rules, FirewallRule{
			Tier: p.tier(), Policy: cmp.Or(p.ShortName, p.Name), PolicyID: p.Name, Name: r.RuleName, Priority: r.Priority, Action: r.Action,
			Sources: prefixes(r.sources()), Protocols: protocols(r.Match.Layer4Configs), Accounts: accounts(r.TargetServiceAccounts), Unseen: r.unseen(),
		})
	}
	return rules
}

func (p policy) tier() Tier {
	if strings.HasPrefix(p.Type, string(TierSystem)) { // SYSTEM_GLOBAL, SYSTEM_REGIONAL
		return TierSystem
	}
	return Tier(p.Type)
}

// sources of a rule that names none by address may be any.
func (r policyRule) sources() []string {
	if len(r.Match.SrcIPRanges) == 0 {
		return []string{"0.0.0.0/0"}
	}
	return r.Match.SrcIPRanges
}

func (r policyRule) unseen() string {
	m := r.Match
	switch {
	case len(r.TargetSecureTags) > 0:
		return "secure tags of the VM"
	case len(m.SrcIPRanges) > 0 && m.SrcNetworkType+m.SrcNetworkContext == "":
		return "" // one kind of source that matches is enough
	case len(m.SrcSecureTags) > 0:
		return "secure tags of the source"
	case len(m.SrcFQDNs)+len(m.SrcRegionCodes)+len(m.SrcThreatIntelligences)+len(m.SrcAddressGroups) > 0:
		return "where the source belongs"
	case m.SrcNetworkType+m.SrcNetworkContext != "":
		return "the network of the source"
	}
	return ""
}

// accounts are e-mails, which a policy may give as resources.
func accounts(names []string) []string {
	var emails []string
	for _, name := range names {
		emails = append(emails, last(name))
	}
	return emails
}

type layer4 struct {
	IPProtocol string
	Ports      []string
}

func protocols(configs []layer4) []Protocol {
	var all []Protocol
	for _, l := range configs {
		p := Protocol{Name: l.IPProtocol}
		for _, ports := range l.Ports {
			first, end, _ := strings.Cut(ports, "-")
			from, err1 := strconv.Atoi(first)
			to, err2 := strconv.Atoi(cmp.Or(end, first))
			if err1 == nil && err2 == nil {
				p.Ports = append(p.Ports, PortRange{from, to})
			}
		}
		all = append(all, p)
	}
	return all
}

// prefixes reads those of IPv4.
func prefixes(ranges []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range ranges {
		p, err := netip.ParsePrefix(text)
		if address, isAddress := netip.ParseAddr(text); err != nil && isAddress == nil {
			p, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err == nil && p.Addr().Is4() {
			all = append(all, p.Masked())
		}
	}
	return all
}
