package config

import (
	"strconv"
	"strings"
	"time"
)

// Forwarding is what a plan says of forwards.
type Forwarding struct {
	Forwards      []Forward
	ExitOnFailure bool // one that cannot be opened ends the connection

	GatewayPorts bool       // local ones without an address listen on all
	SocketMask   uint32     // umask of the sockets that local ones listen on
	UnlinkSocket bool       // what is in the way of such a socket is removed
	PermitOpen   []Endpoint // where remote dynamic ones may lead, "*" and 0 for any; nil: anywhere

	X11        bool
	X11Trusted bool
	X11Timeout time.Duration // of untrusted ones; 0: none
	XAuth      string        // the program
}

// A ForwardKind is an option of ssh that asks for a forward.
type ForwardKind string

const (
	LocalForward         ForwardKind = "local"
	RemoteForward        ForwardKind = "remote"
	DynamicForward       ForwardKind = "dynamic"
	RemoteDynamicForward ForwardKind = "remote dynamic" // -R without a destination
)

// A Forward is one forwarding. The Listen of a host that was not given is empty,
// of one that was given as empty "*".
type Forward struct {
	Kind    ForwardKind
	Listen  Endpoint
	Connect Endpoint // zero for the dynamic kinds
}

// MayForward says whether channels may come and go beside the session's.
func (p Plan) MayForward() bool {
	return len(p.Forwarding.Forwards) > 0 || p.Forwarding.X11 || p.ForwardAgent != "" || p.EscapeCommand || p.Sharing.Shares()
}

// ParseForward reads a forwarding as it stands behind -L, -R or -D, which option
// names without its dash, on this machine.
func ParseForward(option byte, spec string) (Forward, bool) {
	value, ok := parseForward(systemPort, spec, option == 'D', option == 'R')
	if !ok && option == 'R' {
		value, ok = parseForward(systemPort, spec, true, true)
	}
	kind := map[byte]ForwardKind{'L': LocalForward, 'R': RemoteForward, 'D': DynamicForward}[option]
	return newForward(kind, value), ok
}

// ParseListen reads where a forwarding listens, which is enough to cancel it.
func ParseListen(spec string) (Endpoint, bool) {
	value, ok := parseForward(systemPort, spec, true, false)
	return newForward(DynamicForward, value).Listen, ok
}

// newForward takes apart what parseForward has made.
func newForward(kind ForwardKind, value string) Forward {
	listen, connect, _ := strings.Cut(value, endsMark)
	if kind == RemoteForward && connect == "" {
		kind = RemoteDynamicForward
	}
	f := Forward{Kind: kind, Listen: parseEndpoint(listen), Connect: parseEndpoint(connect)}
	if strings.HasPrefix(listen, "[]:") {
		f.Listen.Host = "*"
	}
	return f
}

// forwarding sets the forwards of the plan and what holds for them.
func (b *builder) forwarding(p *Plan) {
	f := &p.Forwarding
	stdio := b.s.word(kwStdioForward) != "" // which changes two defaults
	if !b.s.flag("clearallforwardings", stdio) {
		for _, kind := range []ForwardKind{LocalForward, DynamicForward, RemoteForward} {
			keyword := string(kind) + "forward"
			for _, value := range b.s[keyword].value {
				listen, connect, _ := strings.Cut(value, endsMark)
				f.Forwards = append(f.Forwards, newForward(kind, b.forwardEnd(keyword, listen)+endsMark+b.forwardEnd(keyword, connect)))
			}
		}
	}
	f.ExitOnFailure = b.s.flag("exitonforwardfailure", stdio)
	f.GatewayPorts = b.s.flag("gatewayports", false)
	mask, err := strconv.ParseUint(first(b.s.word("streamlocalbindmask"), "0177"), 8, 32)
	b.fail("streamlocalbindmask", err)
	f.SocketMask = uint32(mask)
	f.UnlinkSocket = b.s.flag("streamlocalbindunlink", false)
	f.PermitOpen = b.permitOpen()
	f.X11 = b.s.flag("forwardx11", false)
	f.X11Trusted = b.s.flag("forwardx11trusted", false)
	f.X11Timeout = time.Duration(b.s.integer("forwardx11timeout", 1200)) * time.Second
	f.XAuth = first(b.s.word("xauthlocation"), "/usr/bin/xauth")
}

// forwardEnd expands the tokens of a socket's path.
func (b *builder) forwardEnd(keyword, end string) string {
	if end == "" || end[0] == '[' || !strings.Contains(end, "/") {
		return end
	}
	expanded, err := expander{tokens: b.conn.tokens()}.expand(end)
	b.fail(keyword, err)
	return expanded
}

// permitOpen is PermitRemoteOpen.
func (b *builder) permitOpen() []Endpoint {
	given := b.s["permitremoteopen"].value
	if len(given) == 0 || strings.EqualFold(given[0], "any") {
		return nil
	}
	permitted := []Endpoint{}
	for _, value := range given {
		if strings.EqualFold(value, "none") {
			break
		}
		host, port, _ := cutHostPort(value)
		n, _ := b.effects.port(port) // or "*", any
		permitted = append(permitted, Endpoint{Host: host, Port: n})
	}
	return permitted
}
