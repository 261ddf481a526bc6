package tunnel

import (
	"errors"
	"net"
	"strconv"
	"testing"
)

// localhost is both families, on one port.
func TestListenLocalhost(t *testing.T) {
	listeners, err := Listen(t.Context(), "localhost", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(listeners)
	port := PortOf(listeners[0])
	if port == 0 || len(listeners) == 2 && PortOf(listeners[1]) != port {
		t.Errorf("ports %v", listeners)
	}
	addrs := []string{"127.0.0.1", "::1"}
	if !hasIPv6(t) {
		addrs = addrs[:1]
	}
	for _, addr := range addrs {
		c, err := net.Dial("tcp", net.JoinHostPort(addr, strconv.Itoa(port)))
		if err != nil {
			t.Error(err)
			continue
		}
		c.Close()
	}
}

// A port that is taken on one family is not had at all.
func TestListenBusy(t *testing.T) {
	addrs := []string{"127.0.0.1:0"}
	if hasIPv6(t) {
		addrs = append(addrs, "[::1]:0")
	}
	for _, addr := range addrs {
		taken, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		port := PortOf(taken)
		listeners, err := Listen(t.Context(), "localhost", port)
		var busy *BusyError
		if !errors.As(err, &busy) || busy.Port != port || listeners != nil {
			t.Errorf("%s is taken: %v, %v", addr, listeners, err)
		}
		if busy != nil && busy.Error() != "Local port ["+strconv.Itoa(port)+"] is not available." {
			t.Errorf("text %q", busy)
		}
	}
}

func TestListenAddresses(t *testing.T) {
	listeners, err := Listen(t.Context(), "127.0.0.1", 0)
	if err != nil || len(listeners) != 1 {
		t.Fatal(listeners, err)
	}
	closeAll(listeners)
	// An address of nobody's here is neither a busy port nor a listener.
	_, err = Listen(t.Context(), "192.0.2.1", 0)
	if err == nil || errors.As(err, new(*BusyError)) {
		t.Errorf("192.0.2.1: %v", err)
	}
	if _, err = Listen(t.Context(), "no-such-host.invalid", 0); err == nil {
		t.Error("a host that does not exist")
	}
}

func hasIPv6(t *testing.T) bool {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}
