package config

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// A Route is the way to the host.
type Route string

const (
	RouteIAP    Route = "iap"    // to Plan.IAP, whose zone or project may have to be looked up
	RouteDirect Route = "direct" // over TCP

	// RouteLookup is RouteIAP if a VM of that name is found in one of
	// Plan.Projects, else RouteDirect.
	RouteLookup Route = "lookup"

	// RouteEither is RouteAddress if the VM has an external address, else RouteIAP.
	// Google tells which.
	RouteEither Route = "either"

	RouteAddress      Route = "address"      // over TCP, to the VM's address of the kind Plan.Address, which Google tells
	RouteJump         Route = "jump"         // through the host that Plan.Jump leads to
	RouteProxyCommand Route = "proxycommand" // over Plan.ProxyCommand's stdin and stdout
)

// routeFacts is all that the way to a host depends on.
type routeFacts struct {
	iap   string // the keyword IAP: "yes", "no", "auto", "internal", "external" or "fallback"
	jump  bool   // a ProxyJump is set
	proxy string // a ProxyCommand is set: which it is, as in "gcloud's ProxyCommand"
	inner Route  // what that ProxyCommand means: RouteIAP or RouteJump; RouteProxyCommand if it must be run
	given string // what else was said of IAP for this host: a flag or keyword; may be empty
	host  string

	inHosts    bool // the hosts file names it
	known      bool // known_hosts has a key for it as for any host
	project    bool // some project is known
	credential bool // some credential is known
	cached     bool // the cache knows the VM
	zone       bool // project and zone are known
}

// chooseRoute decides the way to a host: the first rule that applies. The clause
// says which.
//
// "IAP no" does not undo what ssh would do by itself: a ProxyJump is taken, and
// a ProxyCommand run as it is written.
func chooseRoute(f routeFacts) (Route, string) {
	_, form, isForm := instanceForm(f.host)
	switch {
	case f.iap == "yes":
		return RouteIAP, "IAP yes"
	case f.iap == "internal" || f.iap == "external":
		return RouteAddress, "IAP " + f.iap
	case f.iap == "fallback":
		return RouteEither, "IAP fallback"
	case f.jump:
		return RouteJump, "ProxyJump is set"
	case f.proxy != "" && f.iap == "no":
		return RouteProxyCommand, "IAP no: the ProxyCommand is run as written"
	case f.proxy != "":
		return f.inner, f.proxy
	case f.iap == "no":
		return RouteDirect, "IAP no"
	case f.given != "":
		return RouteIAP, f.given + " was given"
	case isForm:
		return RouteIAP, "is " + form
	case !isBareName(f.host):
		return RouteDirect, notBare(f.host)
	case f.inHosts:
		return RouteDirect, "stands in the hosts file"
	case f.known:
		return RouteDirect, "stands in known_hosts as a host of its own"
	case !f.project:
		return RouteDirect, "may be an instance, but no project is known"
	case !f.credential:
		return RouteDirect, "may be an instance, but no credential for Google is known"
	case f.cached:
		return RouteIAP, "is an instance by the cache"
	case f.zone:
		return RouteIAP, "may be an instance; project and zone are known"
	}
	return RouteLookup, "may be an instance; its zone is not known"
}

// isBareName says that a name could be an instance's or a host's.
func isBareName(host string) bool { return notBare(host) == "" }

// notBare says why a name cannot be an instance's.
func notBare(host string) string {
	switch {
	case isAddress(host):
		return "is an address"
	case host == "localhost":
		return "is localhost"
	case strings.Contains(host, "."):
		return "is a dotted name"
	case !instanceName.MatchString(host):
		return "is not a legal instance name"
	}
	return ""
}

// routeFix says what makes a VM of a bare name that is dialled directly.
func routeFix(route Route, f routeFacts) string {
	switch {
	case route != RouteDirect || f.iap == "no" || !isBareName(f.host) || f.inHosts || f.known:
		return ""
	case !f.project:
		return "If it is a VM: no project is known to look for it in; " + projectFix
	case !f.credential:
		return "If it is a VM: nobody is signed in to Google, so that IAP was not tried; run: gcloud auth application-default login"
	}
	return ""
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
		if !IsZone(t.Zone) {
			return Target{}, "", false
		}
		// vm.us-east1-b.example.com is a web site before it is a project.
		if strings.Contains(t.Project, ".") && !strings.Contains(t.Project, ":") {
			return Target{}, "", false
		}
	}
	zoneOK := t.Zone == "" || IsZone(t.Zone)
	if !instanceName.MatchString(t.Instance) || !zoneOK || t.Project == "" {
		return Target{}, "", false
	}
	return t, form, true
}

// IsZone says that a word has the shape of a zone's name.
func IsZone(word string) bool { return zoneShape.MatchString(word) }

// isAddress says whether a name can only be an address, as ssh judges it.
func isAddress(name string) bool {
	if strings.ContainsAny(name, "%:") && !strings.Contains(name, "/") {
		return true
	}
	if name != "" && strings.Trim(name, "0123456789.") == "" {
		return true
	}
	_, ok := parseAddr(name)
	return ok
}

// parseAddr reads an address as the system's resolver does: IPv4 also in the
// forms of inet_aton(3), with fewer than four parts, octal and hexadecimal.
func parseAddr(name string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr, true
	}
	parts := strings.Split(name, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	value := uint64(0)
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		n, err := strconv.ParseUint(part, 0, bits)
		if err != nil || strings.ContainsAny(part, "_oObB") && !strings.HasPrefix(lower(part), "0x") || strings.Contains(part, "_") {
			return netip.Addr{}, false
		}
		value = value<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// canonicalHost lower-cases a name and brings an address to its usual form.
func canonicalHost(name string) string {
	if addr, ok := parseAddr(name); ok {
		return addr.String()
	}
	if strings.ContainsAny(name, "%:") {
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
