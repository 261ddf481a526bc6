package sshclient

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// Endpoint is one end of a forward, seen from the machine that it is on: a TCP port
// or, with Path set, a Unix socket. As a net.Addr it is the address of a [Conn].
type Endpoint struct {
	Host string // name or address; to listen on, "" means as by default and "*" all addresses
	Port int    // to listen on, 0 means a free one
	Path string // of a Unix socket
}

// Network is "unix" or "tcp".
func (e Endpoint) Network() string {
	if e.Path != "" {
		return "unix"
	}
	return "tcp"
}

// String is the path, or host and port as net.Dial takes them.
func (e Endpoint) String() string {
	if e.Path != "" {
		return e.Path
	}
	return net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
}

// endpointOf is the address of one end of a local connection.
func endpointOf(addr net.Addr) Endpoint {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return Endpoint{Host: a.AddrPort().Addr().Unmap().String(), Port: a.Port}
	case *net.UnixAddr:
		return Endpoint{Path: a.Name}
	}
	return Endpoint{}
}

// ForwardKind says which side listens, and who says where a connection goes.
type ForwardKind int

// The kinds of forwards, by the options of ssh that ask for them.
const (
	LocalForward         ForwardKind = iota // -L: we listen, the server connects
	RemoteForward                           // -R: the server listens, we connect
	DynamicForward                          // -D: we listen and speak SOCKS, the server connects
	RemoteDynamicForward                    // -R without a destination: the server listens, we speak SOCKS and connect
)

func (k ForwardKind) remote() bool { return k == RemoteForward || k == RemoteDynamicForward }

// Forward is what a user asks for. It may be compared with ==.
type Forward struct {
	Kind    ForwardKind
	Listen  Endpoint
	Connect Endpoint // zero for the dynamic kinds: each connection says where it goes
}

// OpenForward is a forward that is open.
type OpenForward struct {
	Forward
	Bound Endpoint // Forward.Listen, with the port that was found free if that was left open
}

// ForwardOptions holds for all forwards of a client.
type ForwardOptions struct {
	// GatewayPorts has local forwards without an address listen on all addresses
	// instead of the loopback ones.
	GatewayPorts bool

	// AddressFamily is "inet" or "inet6" to listen on addresses of that family only.
	AddressFamily string

	// SocketMask is the umask of the Unix sockets that we listen on: of StreamLocalBindMask.
	SocketMask os.FileMode

	// UnlinkSocket removes a socket that is in the way of one that we listen on.
	UnlinkSocket bool

	// PermitOpen is where connections over a RemoteDynamicForward may go: PermitRemoteOpen.
	// A Host "*" and a Port 0 stand for any; nil permits everything.
	PermitOpen []Endpoint

	// Listeners keeps what local forwards listen on for the next client. Nil: it is closed with this one.
	Listeners *Listeners
}

// permits says whether PermitOpen lets a connection go there.
func (o *ForwardOptions) permits(to Endpoint) bool {
	for _, p := range o.PermitOpen {
		if (p.Host == "*" || p.Host == to.Host) && (p.Port == 0 || p.Port == to.Port) {
			return true
		}
	}
	return o.PermitOpen == nil
}

var (
	// ErrDegraded refuses what must not be done with a server whose host key is
	// not the one that is known: see [Verdict].
	ErrDegraded = errors.New("forwarding is off: the host key is not the one that is known")

	// ErrRefused says that the server does not listen for us.
	ErrRefused = errors.New("the server refused to listen")

	// ErrNotOpen says that there is no such forward to cancel.
	ErrNotOpen = errors.New("no such forward is open")
)

// ListenError says that a local forward could not listen on any of its addresses.
type ListenError struct {
	Listen Endpoint
	Errs   []error // of each address, *net.OpError mostly
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("cannot listen on %s: %v", e.Listen, errors.Join(e.Errs...))
}

func (e *ListenError) Unwrap() []error { return e.Errs }
