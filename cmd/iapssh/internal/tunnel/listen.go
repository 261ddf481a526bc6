package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/sockerr"
)

// BusyError tells that a local port cannot be had.
type BusyError struct {
	Port int
	Err  error
}

// Error is in gcloud's words, which scripts look for.
func (e *BusyError) Error() string { return fmt.Sprintf("Local port [%d] is not available.", e.Port) }

func (e *BusyError) Unwrap() error { return e.Err }

// pickTries is how often a free port is picked that turns out to be taken on another of the host's addresses.
const pickTries = 20

// Listen listens on port of every address that host stands for; of the family that this machine lacks there is none. "localhost"
// is both loopback addresses. Port 0 picks one that is free on all of them. A port that is taken on one of them is a *BusyError,
// so that nobody talks to a stranger there.
func Listen(ctx context.Context, host string, port int) ([]net.Listener, error) {
	addrs, err := addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		listeners, err := listenAll(ctx, addrs, port)
		if err == nil || port != 0 || try == pickTries || !errors.As(err, new(*BusyError)) {
			return listeners, err
		}
	}
}

// addresses resolves host. The name localhost is not left to what the hosts file makes of it.
func addresses(ctx context.Context, host string) ([]string, error) {
	if host == "localhost" {
		return []string{"127.0.0.1", "::1"}, nil
	}
	return net.DefaultResolver.LookupHost(ctx, host)
}

func listenAll(ctx context.Context, addrs []string, port int) ([]net.Listener, error) {
	var all []net.Listener
	var missing error
	for _, addr := range addrs {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(addr, strconv.Itoa(port)))
		switch {
		case err == nil:
			all = append(all, l)
			port = PortOf(l)
		case isMissing(err):
			missing = err
		default:
			closeAll(all)
			return nil, &BusyError{Port: port, Err: err}
		}
	}
	if len(all) == 0 {
		return nil, missing
	}
	return all, nil
}

// PortOf is a listener's port.
func PortOf(l net.Listener) int {
	addr, _ := l.Addr().(*net.TCPAddr)
	if addr == nil {
		return 0
	}
	return addr.Port
}

// isMissing says that this machine has no such address.
func isMissing(err error) bool {
	return slices.Contains([]syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT}, sockerr.Errno(err))
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}
