package config

import "strings"

// A refusal is a keyword that must not be ignored once it is set, and the values
// at which it asks for nothing.
type refusal struct {
	keyword  string // as the manual writes it
	harmless string
	fix      string
}

var (
	alwaysRefused = []refusal{
		{"BindAddress", "", ""},
		{"BindInterface", "", ""},
		{"CanonicalizeHostname", "no", "-o CanonicalizeHostname=no uses names as they are written"},
		{"CanonicalizePermittedCNAMEs", "none", ""},
		{"Tunnel", "no", ""},
		{"RevokedHostKeys", "none", ""},
		{"ForkAfterAuthentication", "no", ""},
	}
	refusedForwardings = []refusal{
		{"LocalForward", "", clearForwardings},
		{"RemoteForward", "", clearForwardings},
		{"DynamicForward", "", clearForwardings},
	}
	refusedProxies = []refusal{
		{"ProxyJump", "none", "-o ProxyJump=none connects without it; for a VM, -o IAP=yes goes through IAP instead"},
		{"ProxyCommand", "none", "-o ProxyCommand=none connects without it; for a VM, -o IAP=yes goes through IAP instead"},
	}
	refusedIAP = []refusal{
		{"IAPRegion", "", ""},
		{"IAPNetwork", "", ""},
		{"IAPDestGroup", "", ""},
		{"IAPImpersonateServiceAccount", "", ""},
	}
)

const clearForwardings = "-o ClearAllForwardings=yes connects without forwardings"

// refuse says which setting asks for something that is not built and whose
// absence would matter.
func refuse(s settings) error {
	rules := alwaysRefused
	if !s.flag("clearallforwardings", false) {
		rules = append(rules[:len(rules):len(rules)], refusedForwardings...)
	}
	if s.word("iap") != "yes" {
		rules = append(rules[:len(rules):len(rules)], refusedProxies...)
	}
	if s.word("iap") != "no" {
		rules = append(rules[:len(rules):len(rules)], refusedIAP...)
	}
	for _, r := range rules {
		set := s[lower(r.keyword)]
		value := s.word(lower(r.keyword))
		if value == "" || strings.EqualFold(value, r.harmless) {
			continue
		}
		return &UnsupportedError{Option: r.keyword, Where: set.at.String(), Fix: r.fix}
	}
	return nil
}
