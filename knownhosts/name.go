package knownhosts

import (
	"strconv"
	"strings"
)

// defaultPort is the port whose number is left out of stored names.
const defaultPort = 22

// Name returns the form under which a host is stored: lower case, plain for
// port 22 (or 0, no port), and "[host]:port" for any other, also for IPv6
// addresses. (OpenSSH: misc.c put_host_port.)
//
// A HostKeyAlias is stored without a port, whatever the port is: Name(alias, 0).
func Name(host string, port int) string {
	host = lower(host)
	if port == 0 || port == defaultPort {
		return host
	}
	return "[" + host + "]:" + strconv.Itoa(port)
}

// A Target is what a connection is made to, as the keys of it are looked up.
type Target struct {
	// Host is the host name or address, after ssh_config's HostName. It is the
	// name that a certificate must be for.
	Host string
	// Port is the TCP port; 0 means 22.
	Port int
	// Alias, if set, replaces both in the files and in certificates
	// (ssh_config's HostKeyAlias, or "compute.ID" for an instance known by its
	// number).
	Alias string
	// Address is the address connected to, without port; empty if there is none
	// to show, as through a proxy. It is looked up only if Query.CheckAddress
	// says so.
	Address string
}

// Name returns the form under which t is stored.
func (t Target) Name() string {
	if t.Alias != "" {
		return Name(t.Alias, 0)
	}
	return Name(t.Host, t.Port)
}

// fallback returns the name that is also good enough for a key that t.Name()
// does not know, or "" if there is none. OpenSSH accepts on another port the
// key that is known for the host's port 22, unless there is an alias.
func (t Target) fallback() string {
	if t.Alias != "" || t.Name() == lower(t.Host) {
		return ""
	}
	return lower(t.Host)
}

// principal returns the name that a certificate must be for.
func (t Target) principal() string {
	if t.Alias != "" {
		return t.Alias
	}
	return lower(t.Host)
}

// recordable tells whether t may be written to a file: OpenSSH refuses to
// trust a new key for a host whose name would be read back as something else.
func (t Target) recordable() bool {
	return t.Host != "" && !strings.ContainsAny(t.Host, "@?*#[]|'\"\\")
}

// lower maps ASCII letters to lower case, and nothing else, as OpenSSH does.
func lower(s string) string {
	isUpper := func(b byte) bool { return 'A' <= b && b <= 'Z' }
	for i := range len(s) {
		if isUpper(s[i]) {
			b := []byte(s)
			for ; i < len(b); i++ {
				if isUpper(b[i]) {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
