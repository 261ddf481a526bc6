package config

import (
	"net/netip"
	"regexp"
	"strings"
)

// routeFacts is all that the way to a host depends on.
type routeFacts struct {
	iap     string // the keyword IAP: "yes", "no" or "auto"
	given   string // what else was said of IAP for this host: a flag or keyword; may be empty
	host    string
	inHosts bool // the hosts file names it
}

// chooseRoute decides the way to a host: the first rule that applies. The clause
// says which.
//
// A ProxyJump or ProxyCommand stands between the first rule and the second; it
// is refused before this is asked.
func chooseRoute(f routeFacts) (Route, string) {
	_, form, isForm := instanceForm(f.host)
	switch {
	case f.iap == "yes":
		return RouteIAP, "IAP yes"
	case f.iap == "no":
		return RouteDirect, "IAP no"
	case f.given != "":
		return RouteIAP, f.given + " was given"
	case isForm:
		return RouteIAP, "is " + form
	case isAddress(f.host):
		return RouteDirect, "is an address"
	case f.host == "localhost":
		return RouteDirect, "is localhost"
	case strings.Contains(f.host, "."):
		return RouteDirect, "is a dotted name"
	case !instanceName.MatchString(f.host):
		return RouteDirect, "is not a legal instance name"
	case f.inHosts:
		return RouteDirect, "stands in the hosts file"
	}
	return RouteIAP, "may be an instance"
}

var (
	zoneShape   = regexp.MustCompile(`^[a-z]+(-[a-z]+)+[0-9]+-[a-z]+([0-9]+[a-z])?$`)
	resourceURL = regexp.MustCompile(`(?:^|/)projects/([^/]+)/zones/([^/]+)/instances/([^/]+)$`)
)

// instanceForm reads the forms of a name that can only be an instance:
//
//	https://…/projects/PROJECT/zones/ZONE/instances/VM
//	VM.ZONE.c.PROJECT.internal, VM.c.PROJECT.internal   (internal DNS)
//	VM.ZONE.PROJECT                                     (gcloud config-ssh's alias)
//
// A project of a domain, example.com:p, is p.example.com in DNS.
func instanceForm(host string) (t Target, form string, ok bool) {
	if m := resourceURL.FindStringSubmatch(host); m != nil {
		t, form = Target{Project: m[1], Zone: m[2], Instance: m[3]}, "a resource URL"
	} else if name, found := strings.CutSuffix(host, ".internal"); found {
		vm, dns, found := strings.Cut(name, ".c.")
		if !found {
			return Target{}, "", false
		}
		t, form = Target{Instance: vm}, "an internal DNS name"
		t.Instance, t.Zone, _ = strings.Cut(vm, ".")
		t.Project, _, _ = strings.Cut(dns, ".")
		if _, domain, ok := strings.Cut(dns, "."); ok {
			t.Project = domain + ":" + t.Project
		}
	} else {
		parts := strings.SplitN(host, ".", 3)
		if len(parts) < 3 {
			return Target{}, "", false
		}
		t, form = Target{Instance: parts[0], Zone: parts[1], Project: parts[2]}, "VM.ZONE.PROJECT"
		if !zoneShape.MatchString(t.Zone) {
			return Target{}, "", false
		}
		// vm.us-east1-b.example.com is a web site before it is a project.
		if strings.Contains(t.Project, ".") && !strings.Contains(t.Project, ":") {
			return Target{}, "", false
		}
	}
	zoneOK := t.Zone == "" || zoneShape.MatchString(t.Zone)
	if !instanceName.MatchString(t.Instance) || !zoneOK || t.Project == "" {
		return Target{}, "", false
	}
	return t, form, true
}

// isAddress says whether a name can only be an address, as ssh judges it.
func isAddress(name string) bool {
	if strings.ContainsAny(name, "%:") && !strings.Contains(name, "/") {
		return true
	}
	if name != "" && strings.Trim(name, "0123456789.") == "" {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// canonicalHost lower-cases a name and brings an address to its usual form.
func canonicalHost(name string) string {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.String()
	}
	if isAddress(name) {
		return name
	}
	return lower(name)
}

// inHostsFile says whether a hosts(5) file gives name an address.
func inHostsFile(data, name string) bool {
	for line := range strings.Lines(data) {
		line, _, _ = strings.Cut(line, "#")
		for i, field := range strings.Fields(line) {
			if i > 0 && strings.EqualFold(field, name) {
				return true
			}
		}
	}
	return false
}
