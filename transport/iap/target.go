package iap

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// DefaultURL is the relay of the default universe.
const DefaultURL = "wss://tunnel.cloudproxy.app/v4"

// defaultUniverse is the domain of Google's public cloud. Others, such as sovereign clouds, have relays of their own.
const defaultUniverse = "googleapis.com"

// Target names what to reach behind the relay, one of three kinds: a VM (Project, Port, Zone, Instance, Interface), a host that a
// network of the project leads to, on premises for one (Project, Port, Region, Network, Host, DestGroup), or a workload of Cloud Run
// (Project, Port, Region, Workload). A Workload makes it the third, Region, Network, Host or DestGroup the second.
type Target struct {
	Project string // ID
	Port    int    // 1…65535; of a workload always 22

	Zone      string
	Instance  string // name
	Interface string // by name; empty: nic0

	Region    string
	Network   string
	Host      string // an IP address, or a name that is looked up within the network
	DestGroup string // a name; may be empty

	Workload Workload
}

// Workload names a workload of Cloud Run, and which of its containers.
type Workload struct {
	Type          string // service, job, worker_pool or instance
	Name          string // of a service also NAME/revisions/REVISION
	ProjectNumber string // decimal
	Instance      string // id; empty: the relay chooses
	Container     string // empty: the relay chooses
}

// Kind is a kind of Target.
type Kind int

// The kinds of targets.
const (
	KindVM Kind = iota
	KindHost
	KindWorkload
)

// Kind says which kind t is.
func (t Target) Kind() Kind {
	switch {
	case t.Workload != Workload{}:
		return KindWorkload
	case t.Region != "" || t.Network != "" || t.Host != "" || t.DestGroup != "":
		return KindHost
	}
	return KindVM
}

// String gives INSTANCE.ZONE.PROJECT:PORT of a VM, HOST.NETWORK.REGION.PROJECT:PORT of a host, NAME.REGION.PROJECT:PORT of a workload.
func (t Target) String() string {
	parts := []string{t.Instance, t.Zone, t.Project}
	switch t.Kind() {
	case KindHost:
		parts = []string{t.Host, t.Network, t.Region, t.Project}
	case KindWorkload:
		name, _, _ := strings.Cut(t.Workload.Name, "/")
		parts = []string{name, t.Region, t.Project}
	}
	return net.JoinHostPort(strings.Join(parts, "."), strconv.Itoa(t.Port))
}

type parameter struct{ name, value string }

// needed are the parameters without which the kind of target is incomplete, port aside; optional those that are sent if not empty.
func (t Target) parameters() (needed, optional []parameter) {
	switch t.Kind() {
	case KindHost:
		return []parameter{{"project", t.Project}, {"region", t.Region}, {"network", t.Network}, {"host", t.Host}},
			[]parameter{{"group", t.DestGroup}}
	case KindWorkload:
		w := t.Workload
		if w.Type == "instance" {
			w.Type = "service" // as gcloud calls it to the relay
		}
		return []parameter{{"project", t.Project}, {"region", t.Region}, {"project_number", w.ProjectNumber},
				{"cr_workload_type", w.Type}, {"cr_deployment_name", w.Name}},
			[]parameter{{"cr_instance_id", w.Instance}, {"cr_container_id", w.Container}}
	}
	nic := t.Interface
	if nic == "" {
		nic = "nic0"
	}
	return []parameter{{"project", t.Project}, {"zone", t.Zone}, {"instance", t.Instance}, {"interface", nic}}, nil
}

// foreign names what is set of another kind of target.
func (t Target) foreign() string {
	var others []parameter
	vm := []parameter{{"zone", t.Zone}, {"instance", t.Instance}, {"interface", t.Interface}}
	switch t.Kind() {
	case KindHost:
		others = vm
	case KindWorkload:
		others = append(vm, parameter{"network", t.Network}, parameter{"host", t.Host}, parameter{"group", t.DestGroup})
	}
	for _, p := range others {
		if p.value != "" {
			return p.name
		}
	}
	return ""
}

var (
	workloadTypes = []string{"service", "job", "worker_pool", "instance"}
	// A region or universe becomes part of the name of a host that is handed a token.
	regionShape   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	universeShape = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`)
)

// check tells what is missing: the relay itself answers an incomplete target with a bare 4xx.
func (t Target) check() error {
	var missing []string
	needed, _ := t.parameters()
	for _, p := range needed {
		if p.value == "" {
			missing = append(missing, p.name)
		}
	}
	switch foreign := t.foreign(); {
	case len(missing) > 0:
		return fmt.Errorf("no %s given", strings.Join(missing, ", "))
	case foreign != "":
		return fmt.Errorf("%s and region exclude each other", foreign)
	case t.Port < 1 || t.Port > 65535:
		return fmt.Errorf("port %d is not within 1…65535", t.Port)
	case t.Kind() != KindWorkload:
		return nil
	case t.Port != 22:
		return fmt.Errorf("port %d: of a Cloud Run workload only port 22 can be reached", t.Port)
	case !slices.Contains(workloadTypes, t.Workload.Type):
		return fmt.Errorf("workload type %q is none of %s", t.Workload.Type, strings.Join(workloadTypes, ", "))
	case !regionShape.MatchString(t.Region):
		return fmt.Errorf("region %q is not the name of one", t.Region)
	}
	return nil
}

// connectURL is the address of a new session.
func (t Target) connectURL(base *url.URL) string {
	query := url.Values{"port": {strconv.Itoa(t.Port)}, "newWebsocket": {"True"}}
	needed, optional := t.parameters()
	for _, p := range needed {
		query.Set(p.name, p.value)
	}
	for _, p := range optional {
		if p.value != "" {
			query.Set(p.name, p.value)
		}
	}
	return endpoint(base, "connect", query)
}

// reconnectURL is the address at which a session is resumed: received is how many bytes of it we have.
func (t Target) reconnectURL(base *url.URL, sid string, received uint64) string {
	query := url.Values{"sid": {sid}, "ack": {strconv.FormatUint(received, 10)}, "newWebsocket": {"True"}}
	if t.Kind() == KindVM {
		query.Set("zone", t.Zone)
	} else {
		query.Set("region", t.Region)
	}
	return endpoint(base, "reconnect", query)
}

// endpoint appends one word to the base's path, with exactly one slash; a query of the base's own is dropped, as in gcloud.
func endpoint(base *url.URL, word string, query url.Values) string {
	u := *base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + word
	u.RawPath, u.Fragment, u.RawQuery = "", "", query.Encode()
	return u.String()
}

// relayFor is the base URL of the relay that serves t. With a client certificate Google's public relay has another host; those of
// Cloud Run and of other universes have not.
func (t Target) relayFor(universe string, certificate bool) (string, error) {
	switch other := universe != "" && universe != defaultUniverse; {
	case t.Kind() == KindWorkload && other:
		return "", fmt.Errorf("no relay for Cloud Run is known in universe %q", universe)
	case t.Kind() == KindWorkload:
		return "wss://" + t.Region + ".ssh.run.app/v4", nil
	case other && !universeShape.MatchString(universe):
		return "", fmt.Errorf("universe domain %q is not a domain", universe)
	case other:
		return "wss://tunnel-cloudproxy." + universe + "/v4", nil
	case certificate:
		return "wss://mtls.tunnel.cloudproxy.app/v4", nil
	}
	return DefaultURL, nil
}

// relayURL parses the base URL of a relay. Only wss is spoken: a bearer token does not travel in the clear. A bare host, or a path
// of "/" alone, means /v4, as gcloud's --iap-tunnel-url-override has it.
func relayURL(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, &URLError{base}
	}
	if u.Scheme != "wss" || u.Hostname() == "" {
		return nil, &URLError{u.Redacted()}
	}
	if _, err := url.Parse(u.String()); err != nil {
		return nil, &URLError{u.Redacted()} // an address zone may be parsed that cannot be written
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v4"
	}
	return u, nil
}

// hostPort is the address to dial for u.
func hostPort(u *url.URL, defaultPort string) string {
	if p := u.Port(); p != "" {
		defaultPort = p
	}
	return net.JoinHostPort(u.Hostname(), defaultPort)
}

// EndpointAddr is the address to dial for an endpoint of Private Service Connect, HOST or HOST:PORT, instead of a service's own at port.
func EndpointAddr(endpoint, port string) string {
	if host, own, err := net.SplitHostPort(endpoint); err == nil && own != "" {
		return net.JoinHostPort(host, own)
	}
	return net.JoinHostPort(strings.Trim(endpoint, "[]"), port)
}

// Addr is the net.Addr of a Conn's far end. String gives HOST:PORT with the target's full name as host, which SSH libraries
// can parse.
type Addr struct {
	Target Target
}

// Network returns "iap".
func (Addr) Network() string { return "iap" }

func (a Addr) String() string { return a.Target.String() }
