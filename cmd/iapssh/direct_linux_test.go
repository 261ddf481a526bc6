package main

import (
	"net"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

// BindAddress and BindInterface say where a direct connection comes from. (All of 127/8 is this machine's on Linux.)
func TestBind(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	there := listener.Addr().(*net.TCPAddr)
	for _, test := range []struct{ address, iface, from, err string }{
		{"", "", "127.0.0.1", ""},
		{"127.0.0.2", "", "127.0.0.2", ""},
		{"127.0.0.2", "lo", "127.0.0.2", ""},
		{"", "lo", "127.0.0.1", ""},
		{"192.0.2.1", "", "", "cannot assign requested address"},
		{"", "none-such", "", "no such network interface"},
	} {
		plan := config.Plan{Host: "127.0.0.1", Port: there.Port, BindAddress: test.address, BindInterface: test.iface}
		conn, err := direct(t.Context(), plan)
		if err != nil {
			if test.err == "" || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%+v: %v", test, err)
			}
			continue
		}
		if from := conn.LocalAddr().(*net.TCPAddr).IP.String(); from != test.from {
			t.Errorf("%+v: it comes from %s", test, from)
		}
		conn.Close()
	}
}
