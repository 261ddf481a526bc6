package session

import (
	"net"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/iapssh/iapssh/sshclient"
)

// The words are ssh's.
func TestListenFailure(t *testing.T) {
	port, socket := sshclient.Endpoint{Port: 80}, sshclient.Endpoint{Path: "/s"}
	inUse := &net.OpError{Op: "listen", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv6loopback, Port: 80}, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	cause := "Address already in use"
	if syscall.EADDRINUSE.Error() != "address already in use" { // Windows has words of its own
		cause = syscall.EADDRINUSE.Error()
	}
	for _, test := range []struct {
		listen sshclient.Endpoint
		err    error
		want   []string
	}{
		{port, inUse, []string{"bind [::1]:80: " + cause, "channel_setup_fwd_listener_tcpip: cannot listen to port: 80"}},
		{socket, inUse, []string{"unix_listener: cannot bind to path /s: " + cause}},
		{sshclient.Endpoint{Host: "h", Port: 1}, &net.OpError{Op: "listen", Err: &net.DNSError{Err: "no such host", Name: "h"}},
			[]string{"channel_setup_fwd_listener_tcpip: getaddrinfo(h): no such host"}},
		{port, os.ErrInvalid, []string{"invalid argument", "channel_setup_fwd_listener_tcpip: cannot listen to port: 80"}},
	} {
		if got := listenFailure(&sshclient.ListenError{Listen: test.listen, Errs: []error{os.ErrClosed, test.err}}); !slices.Equal(got, test.want) {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}
