package config

import (
	"fmt"
	"strings"
)

// canonicalize looks a host up under the CanonicalDomains and follows CNAMEs
// that are permitted, where CanonicalizeHostname asks for it. A name that a proxy
// or IAP will interpret is left alone unless it says "always". Offline, as for
// -G, no name is found.
func (ev *evaluator) canonicalize(host string) (string, error) {
	choice := ev.settings.word("canonicalizehostname")
	direct := !ev.proxied()
	switch {
	case choice == "" || choice == "no" || isAddress(host) || ev.offline:
		return host, nil
	case !direct && choice != "always":
		return host, nil
	}
	anchored := strings.HasSuffix(host, ".")
	if !anchored && strings.Count(host, ".") > ev.settings.integer("canonicalizemaxdots", 1) {
		return ev.followBare(host), nil
	}
	candidates := []string{host}
	if !anchored {
		candidates = nil
		for _, domain := range ev.settings["canonicaldomains"].value {
			if domain != "none" {
				candidates = append(candidates, host+"."+domain+".")
			}
		}
	}
	for _, name := range candidates {
		if cname, found := ev.resolve(name); found {
			return ev.follow(strings.TrimSuffix(name, "."), cname), nil
		}
		if err := ev.ctx.Err(); err != nil {
			return "", err
		}
	}
	if !ev.settings.flag("canonicalizefallbacklocal", true) {
		at := ev.settings["canonicalizefallbacklocal"].at
		return "", &ConfigError{File: at.file, Line: at.line,
			Text: visible(fmt.Sprintf("%s: Could not resolve host \"%s\"", at, host))}
	}
	return ev.followBare(host), nil
}

// proxied says that the host's name is not for us to look up.
func (ev *evaluator) proxied() bool {
	s := ev.settings
	return s.isGiven("proxycommand") || s.isGiven("proxyjump") || s.word("iap") == "yes" || s.givenIAP() != ""
}

// followBare follows the CNAME of a name as it is.
func (ev *evaluator) followBare(host string) string {
	if !ev.settings.isGiven("canonicalizepermittedcnames") {
		return host
	}
	if cname, found := ev.resolve(host); found {
		return ev.follow(host, cname)
	}
	return host
}

// follow replaces a name by its CNAME if a rule permits that.
func (ev *evaluator) follow(host, cname string) string {
	if cname == "" {
		return host
	}
	for _, rule := range ev.settings["canonicalizepermittedcnames"].value {
		sources, targets, _ := strings.Cut(rule, ":")
		if matchHostList(host, sources) && matchHostList(cname, targets) {
			return lower(cname)
		}
	}
	return host
}

// resolve looks a name up: whether it has an address of the wanted family, and
// its canonical name where some rule could want it.
func (ev *evaluator) resolve(name string) (cname string, found bool) {
	addrs, err := ev.effects.LookupHost(ev.ctx, name)
	if err != nil {
		return "", false
	}
	family := ev.settings.word("addressfamily")
	for _, addr := range addrs {
		is4 := addr.Unmap().Is4()
		found = found || !(family == "inet" && !is4 || family == "inet6" && is4)
	}
	if !found || !ev.settings.isGiven("canonicalizepermittedcnames") {
		return "", found
	}
	cname, err = ev.effects.LookupCNAME(ev.ctx, name)
	cname = strings.TrimSuffix(cname, ".")
	if err != nil || badDomain(cname) != "" {
		return "", true
	}
	return cname, true
}

// domains reads CanonicalDomains.
func domains(args []string, text string) ([]string, []string, string) {
	value, rest, complaint := someList(args, text)
	if complaint != "" {
		return nil, nil, complaint
	}
	lowered := make([]string, len(value))
	for i, name := range value {
		lowered[i] = lower(name)
		if why := badDomain(name); why != "" {
			return nil, nil, why
		}
		lowered[i] = strings.TrimSuffix(lowered[i], ".")
	}
	return lowered, rest, ""
}

// badDomain says what is wrong with a domain name; empty if nothing is.
func badDomain(name string) string {
	alphanumeric := func(c byte) bool {
		return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
	}
	switch {
	case name == "":
		return "empty domain name"
	case !alphanumeric(name[0]):
		return fmt.Sprintf("domain name \"%s\" starts with invalid character", name)
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.' && i > 0 && name[i-1] == '.':
			return fmt.Sprintf("domain name \"%s\" contains consecutive separators", name)
		case c != '.' && c != '-' && !alphanumeric(c):
			return fmt.Sprintf("domain name \"%s\" contains invalid characters", name)
		}
	}
	return ""
}

// permittedCNAMEs reads SOURCES:TARGETS each, "*" for all, or "none".
func permittedCNAMEs(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 {
		return nil, nil, "no KEYWORD specified"
	}
	rules := make([]string, 0, len(args))
	for _, arg := range args {
		source, target, both := strings.Cut(lower(arg), ":")
		switch {
		case source == "none" && !both:
			if len(args) > 1 {
				return nil, nil, noneAlone
			}
			return []string{"none"}, nil, ""
		case arg == "*":
			rules = append(rules, "*:*")
		case !both || target == "":
			return nil, nil, fmt.Sprintf("Invalid permitted CNAME \"%s\"", lower(arg))
		default:
			rules = append(rules, source+":"+target)
		}
	}
	return rules, nil, ""
}
