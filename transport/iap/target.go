package iap

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// DefaultURL is the relay of the default universe.
const DefaultURL = "wss://tunnel.cloudproxy.app/v4"

// Target names what to reach behind the relay: a port of a VM's network interface.
type Target struct {
	Project   string // project ID
	Zone      string
	Instance  string // name
	Interface string // empty: nic0
	Port      int    // 1…65535
}

// String gives INSTANCE.ZONE.PROJECT:PORT.
func (t Target) String() string {
	return fmt.Sprintf("%s.%s.%s:%d", t.Instance, t.Zone, t.Project, t.Port)
}

// check tells what is missing: the relay itself answers an incomplete target with a bare 4xx.
func (t Target) check() error {
	var missing []string
	for _, part := range []struct{ name, value string }{{"project", t.Project}, {"zone", t.Zone}, {"instance", t.Instance}} {
		if part.value == "" {
			missing = append(missing, part.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no %s given", strings.Join(missing, ", "))
	}
	if t.Port < 1 || t.Port > 65535 {
		return fmt.Errorf("port %d is not within 1…65535", t.Port)
	}
	return nil
}

// connectURL is the address of a new session.
func (t Target) connectURL(base *url.URL) string {
	nic := t.Interface
	if nic == "" {
		nic = "nic0"
	}
	return endpoint(base, "connect", url.Values{
		"project":      {t.Project},
		"zone":         {t.Zone},
		"instance":     {t.Instance},
		"interface":    {nic},
		"port":         {strconv.Itoa(t.Port)},
		"newWebsocket": {"True"},
	})
}

// reconnectURL is the address at which a session is resumed: received is how many bytes of it we have.
func (t Target) reconnectURL(base *url.URL, sid string, received uint64) string {
	return endpoint(base, "reconnect", url.Values{
		"sid":          {sid},
		"ack":          {strconv.FormatUint(received, 10)},
		"zone":         {t.Zone},
		"newWebsocket": {"True"},
	})
}

// endpoint appends one word to the base's path, with exactly one slash; a query of the base's own is dropped, as in gcloud.
func endpoint(base *url.URL, word string, query url.Values) string {
	u := *base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + word
	u.RawPath, u.Fragment, u.RawQuery = "", "", query.Encode()
	return u.String()
}

// relayURL parses a Dialer's URL. Only wss is spoken: a bearer token does not travel in the clear. A bare host, or a path of
// "/" alone, means /v4, as gcloud's --iap-tunnel-url-override has it.
func relayURL(override string) (*url.URL, error) {
	if override == "" {
		override = DefaultURL
	}
	u, err := url.Parse(override)
	if err != nil {
		return nil, fmt.Errorf("relay URL: %w", err)
	}
	if u.Scheme != "wss" || u.Hostname() == "" {
		return nil, fmt.Errorf("relay URL %q is not of the form wss://HOST[:PORT][/PATH]", u.Redacted())
	}
	if _, err := url.Parse(u.String()); err != nil {
		return nil, fmt.Errorf("relay URL: %w", err) // an address zone may be parsed that cannot be written
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

// Addr is the net.Addr of a Conn's far end. String gives HOST:PORT with the instance's full name as host, which SSH libraries
// can parse.
type Addr struct {
	Target Target
}

// Network returns "iap".
func (Addr) Network() string { return "iap" }

func (a Addr) String() string { return a.Target.String() }
