package config

import (
	"reflect"
	"testing"
	"time"
)

func TestForwarding(t *testing.T) {
	host := func(h string, port int) Endpoint { return Endpoint{Host: h, Port: port} }
	for _, test := range []struct {
		config, argv string
		want         []Forward
	}{
		{"", "-L 1:h:2 10.0.0.1", []Forward{{LocalForward, host("", 1), host("h", 2)}}},
		{"", "-L :1:h:2 -L *:3:[::1]:4 -L [::1]:5:/s 10.0.0.1", []Forward{
			{LocalForward, host("*", 1), host("h", 2)}, {LocalForward, host("*", 3), host("::1", 4)}, {LocalForward, host("::1", 5), Endpoint{Path: "/s"}}}},
		{"", "-R 0:h:2 -R 1080 -R /a:/b -D 1 -D /d 10.0.0.1", []Forward{
			{DynamicForward, host("", 1), Endpoint{}}, {DynamicForward, Endpoint{Path: "/d"}, Endpoint{}},
			{RemoteForward, host("", 0), host("h", 2)}, {RemoteDynamicForward, host("", 1080), Endpoint{}}, {RemoteForward, Endpoint{Path: "/a"}, Endpoint{Path: "/b"}}}},
		{"RemoteForward 1080\nLocalForward /%h-%r b:1\nDynamicForward localhost:2\n", "ann@10.0.0.1", []Forward{
			{LocalForward, Endpoint{Path: "/10.0.0.1-ann"}, host("b", 1)}, {DynamicForward, host("localhost", 2), Endpoint{}}, {RemoteDynamicForward, host("", 1080), Endpoint{}}}},
		{"ClearAllForwardings yes\n", "-L 1:h:2 -D 3 10.0.0.1", nil},
	} {
		p, err := withConfig(test.config).resolve(t, test.argv)
		if got := p.Forwarding.Forwards; err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q, %q: got %+v, %v\nwant %+v", test.config, test.argv, got, err, test.want)
		}
	}
}

func TestForwardingOptions(t *testing.T) {
	standard := Forwarding{SocketMask: 0o177, X11Timeout: 20 * time.Minute, XAuth: "/usr/bin/xauth"}
	for _, test := range []struct {
		config, argv string
		change       func(*Forwarding)
	}{
		{"", "10.0.0.1", func(f *Forwarding) {}},
		{"GatewayPorts yes\nExitOnForwardFailure yes\nStreamLocalBindMask 0117\nStreamLocalBindUnlink yes\n", "10.0.0.1", func(f *Forwarding) {
			f.GatewayPorts, f.ExitOnFailure, f.SocketMask, f.UnlinkSocket = true, true, 0o117, true
		}},
		{"", "-g 10.0.0.1", func(f *Forwarding) { f.GatewayPorts = true }},
		{"", "-Y 10.0.0.1", func(f *Forwarding) { f.X11, f.X11Trusted = true, true }},
		{"ForwardX11 yes\nForwardX11Timeout 0\nXAuthLocation /x\n", "10.0.0.1", func(f *Forwarding) { f.X11, f.X11Timeout, f.XAuth = true, 0, "/x" }},
		{"ForwardX11 yes\n", "-x 10.0.0.1", func(f *Forwarding) {}},
		{"PermitRemoteOpen any\n", "10.0.0.1", func(f *Forwarding) {}},
		{"PermitRemoteOpen none\n", "10.0.0.1", func(f *Forwarding) { f.PermitOpen = []Endpoint{} }},
		{"PermitRemoteOpen h:80 [::1]:* *:22\n", "10.0.0.1", func(f *Forwarding) {
			f.PermitOpen = []Endpoint{{Host: "h", Port: 80}, {Host: "::1"}, {Host: "*", Port: 22}}
		}},
	} {
		want := standard
		test.change(&want)
		p, err := withConfig(test.config).resolve(t, test.argv)
		if err != nil || !reflect.DeepEqual(p.Forwarding, want) {
			t.Errorf("%q, %q: got %+v, %v\nwant %+v", test.config, test.argv, p.Forwarding, err, want)
		}
	}
}

func TestParseListen(t *testing.T) {
	for spec, want := range map[string]Endpoint{"1": {Port: 1}, "*:2": {Host: "*", Port: 2}, "/s": {Path: "/s"}, "[::1]:3": {Host: "::1", Port: 3}} {
		if got, ok := ParseListen(spec); !ok || got != want {
			t.Errorf("%s: got %v, %t", spec, got, ok)
		}
	}
	for _, spec := range []string{"", "1:h:2", "0", "x"} {
		if got, ok := ParseListen(spec); ok {
			t.Errorf("%q: got %v", spec, got)
		}
	}
}
