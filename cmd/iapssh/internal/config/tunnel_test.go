package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// way is where a plan of one connection leads.
func way(p Plan) string {
	t := p.IAP
	return fmt.Sprintf(" %s %d %s %s", t.Instance, t.Port, t.Project, first(t.Zone, t.Region+t.Network+t.DestGroup))
}

// asTunnel is a tunnel's plan in one line: where it listens and leads.
func asTunnel(p Plan) string {
	var b strings.Builder
	b.WriteString(string(p.Mode))
	for _, port := range p.Tunnel.Ports {
		fmt.Fprintf(&b, " %s:%d%s", port.Host, port.Port, way(port.To))
	}
	return b.String()
}

// Every invocation that the manual of gcloud compute start-iap-tunnel and the READMEs of iapproxy give, and what is seen of the
// former in the wild, as written but for the program's name.
func TestDropIn(t *testing.T) {
	m := machine{files: map[string]string{
		"/home/ann/.config/gcloud/configurations/config_default": "[core]\nproject = p-default\n[compute]\nzone = z-default\n",
	}}
	for _, test := range []struct{ program, argv, want string }{
		{"gcloud", "compute start-iap-tunnel my-instance 3389", "tunnel localhost:0 my-instance 3389 p-default z-default"},
		{"gcloud", "compute start-iap-tunnel my-instance 3389 --local-host-port=localhost:3333", "tunnel localhost:3333 my-instance 3389 p-default z-default"},
		{"gcloud", "compute start-iap-tunnel 10.1.2.3 3389 --region=us-central1 --network=default", "tunnel localhost:0 10.1.2.3 3389 p-default us-central1default"},
		{"gcloud", "compute start-iap-tunnel 10.1.2.3 3389 --region=r --network=n --dest-group=g", "tunnel localhost:0 10.1.2.3 3389 p-default rng"},
		{"gcloud", "beta compute start-iap-tunnel my-instance 3389", "tunnel localhost:0 my-instance 3389 p-default z-default"},
		{"gcloud", "alpha compute start-iap-tunnel my-instance 3389 --local-host-port=localhost:3333", "tunnel localhost:3333 my-instance 3389 p-default z-default"},
		{"gcloud", "compute start-iap-tunnel vm 22 --zone=z --project=p --local-host-port=localhost:2222", "tunnel localhost:2222 vm 22 p z"},
		{"gcloud", "compute start-iap-tunnel vm 22 --zone z --project p --local-host-port :2222", "tunnel localhost:2222 vm 22 p z"},
		{"gcloud", "compute start-iap-tunnel vm 22 --local-host-port=0.0.0.0:8080 -q --verbosity=error", "tunnel 0.0.0.0:8080 vm 22 p-default z-default"},
		{"gcloud", "compute start-iap-tunnel vm 22 --local-host-port=[::1]:8080", "tunnel ::1:8080 vm 22 p-default z-default"},
		{"gcloud", "compute start-iap-tunnel vm 22 --local-host-port=127.0.0.1", "tunnel 127.0.0.1:0 vm 22 p-default z-default"},
		{"gcloud", "compute start-iap-tunnel vm 22 --iap-tunnel-disable-connection-check", "tunnel localhost:0 vm 22 p-default z-default"},
		{"gcloud", "--project p --verbosity=error --quiet=true compute start-iap-tunnel --zone z vm 22 --log-http --format=json", "tunnel localhost:0 vm 22 p z"},
		{"gcloud", "compute start-iap-tunnel https://www.googleapis.com/compute/v1/projects/q/zones/us-east1-b/instances/vm 22", "tunnel localhost:0 vm 22 q us-east1-b"},
		{"gcloud", "compute start-iap-tunnel -- vm 22", "tunnel localhost:0 vm 22 p-default z-default"},
		{"gcloud", "compute start-iap-tunnel vm 22 --listen-on-stdin --zone=z --project=p --verbosity=warning", "stdio vm 22 p z"},
		{"gcloud", "compute start-iap-tunnel vm", "argument INSTANCE_PORT: Must be specified."},
		{"gcloud", "compute start-iap-tunnel", "argument INSTANCE_NAME INSTANCE_PORT: Must be specified."},
		{"gcloud", "compute start-iap-tunnel vm ssh", "argument INSTANCE_PORT: Value must be a number from 1 to 65535; received: ssh"},
		{"gcloud", "compute start-iap-tunnel vm 22 23", "unrecognized arguments: 23"},
		{"gcloud", "compute start-iap-tunnel vm 22 --frob", "unrecognized arguments: --frob"},
		{"gcloud", "compute start-iap-tunnel vm 22 --local-host-port=x:y", `--local-host-port must be [HOST]:PORT, not "x:y"`},
		{"gcloud", "compute start-iap-tunnel vm 22 --local-host-port=:1 --listen-on-stdin", "--local-host-port and --listen-on-stdin exclude each other"},
		{"gcloud", "compute start-iap-tunnel vm 22 --security-gateway=x", "--security-gateway is not supported yet"},
		{"gcloud", "compute start-iap-tunnel vm 22 --dry-run", "unrecognized arguments: --dry-run"},
		{"gcloud", "compute start-iap-tunnel vm 22 --zone", "argument --zone: expected one argument"},
		{"gcloud", "compute scp a vm:b", `--gcloud does not take "compute scp", but these commands of gcloud's: compute config-ssh, compute ssh, compute start-iap-tunnel`},
		{"gcloud", "", "--gcloud wants one of these commands of gcloud's: compute config-ssh, compute ssh, compute start-iap-tunnel"},

		{"iapproxy", "--project=my-project --zone=us-central1-a my-instance 22", "tunnel 127.0.0.1:0 my-instance 22 my-project us-central1-a"},
		{"iapproxy", "--project=my-project --zone=us-central1-a --local-port=2222 my-instance 22", "tunnel 127.0.0.1:2222 my-instance 22 my-project us-central1-a"},
		{"iapproxy", "--project=my-project --zone=us-central1-a --local-port=3389 my-instance 3389", "tunnel 127.0.0.1:3389 my-instance 3389 my-project us-central1-a"},
		{"iapproxy", "--listen-on-stdin --project=my-project --zone=us-central1-a my-instance 22", "stdio my-instance 22 my-project us-central1-a"},
		{"iapproxy", "-v 3 --project=my-project --zone=us-central1-a my-instance 22", "tunnel 127.0.0.1:0 my-instance 22 my-project us-central1-a"},
		{"iapproxy", "-v 3 --project=PROJECT --zone=ZONE vm 22", "tunnel 127.0.0.1:0 vm 22 PROJECT ZONE"},
		{"iap-proxy", "--project=my-project --zone=us-central1-a my-instance 22", "tunnel 127.0.0.1:0 my-instance 22 my-project us-central1-a"},
		{"iap-proxy", "--listen-on-stdin --project=my-project --zone=us-central1-a my-instance 22", "stdio my-instance 22 my-project us-central1-a"},
		{"iap-proxy", "--verbosity=debug --project=my-project --zone=us-central1-a my-instance 22", "tunnel 127.0.0.1:0 my-instance 22 my-project us-central1-a"},
	} {
		program, argv := test.program, strings.Fields(test.argv)
		if program == "gcloud" {
			program, argv = "iapssh", append([]string{"--gcloud"}, argv...)
		}
		p, err := Resolve(t.Context(), program, argv, m.effects())
		got := string(p.Mode) + way(p)
		switch {
		case err != nil:
			got = err.Error()
		case p.Mode == ModeTunnel:
			got = asTunnel(p)
		}
		if got != test.want {
			t.Errorf("%s %s: %s; want %s", test.program, test.argv, got, test.want)
		}
		if usage := (*UsageError)(nil); test.program == "gcloud" && err != nil && !reflect.TypeOf(err).AssignableTo(reflect.TypeOf(usage)) {
			continue
		}
		if test.program == "gcloud" && p.Speaker != "gcloud" && !strings.HasPrefix(p.Speaker, "gcloud.") {
			t.Errorf("%s: speaks as %q", test.argv, p.Speaker)
		}
	}
}

// Our own grammar. ssh_config has its say there, and only there.
func TestTunnel(t *testing.T) {
	m := withConfig(`IAPProject p
Host web
  HostName web-1
  IAPZone z1
  LocalForward 1 h:2
Host db
  ProxyCommand gcloud compute start-iap-tunnel db-9 22 --listen-on-stdin --zone=z9
Host there
  IAP no
  IAPZone z3
`)
	for _, test := range []struct{ argv, want string }{
		{"--tunnel --zone=z vm 22", "tunnel localhost:0 vm 22 p z"},
		{"--tunnel web 5432 --local-host-port=:15432", "tunnel localhost:15432 web-1 5432 p z1"},
		{"--tunnel web 5432 --local-host 127.0.0.1 --local-port 5", "tunnel 127.0.0.1:5 web-1 5432 p z1"},
		{"--tunnel web:5432=127.0.0.1:5432 --zone=z vm2:3389", "tunnel 127.0.0.1:5432 web-1 5432 p z localhost:0 vm2 3389 p z"},
		{"--tunnel web:1 web:2=7 web:3=:8 web:4=[::1]:9 web:5=h:0 web:6=::1", "tunnel localhost:0 web-1 1 p z1 localhost:7 web-1 2 p z1 " +
			"localhost:8 web-1 3 p z1 ::1:9 web-1 4 p z1 h:0 web-1 5 p z1 ::1:0 web-1 6 p z1"},
		{"--tunnel web:5 --local-host-port=:6", "tunnel localhost:6 web-1 5 p z1"},
		{"--tunnel vm.us-east1-b.q:5", "tunnel localhost:0 vm 5 p us-east1-b"},
		{"--tunnel db 5432", "tunnel localhost:0 db-9 5432 p z9"}, // the VM of the ProxyCommand, and the port of the command line
		{"--tunnel there 80 -o IAPZone=z5", "tunnel localhost:0 there 80 p z5"},
		{"--tunnel -F none --project=q --zone=z web 1", "tunnel localhost:0 web 1 q z"},
		{"web 5432 --local-host-port=:15432 --project=q --zone=z", "tunnel localhost:15432 web 5432 q z"},

		{"--tunnel", "--tunnel needs VM PORT, or VM:PORT[=[HOST]:PORT] as often as you like"},
		{"--tunnel web", `"web" is not VM:PORT[=[HOST]:PORT]; for one port, VM PORT will do as well`},
		{"--tunnel web 70000", `bad port "70000" for --tunnel: a number from 1 to 65535 is wanted`},
		{"--tunnel web 22 db", `"web" is not VM:PORT[=[HOST]:PORT]; for one port, VM PORT will do as well`},
		{"--tunnel web:0", `"web:0" is not VM:PORT[=[HOST]:PORT]; for one port, VM PORT will do as well`},
		{"--tunnel web:1=a:b", `"web:1=a:b" is not VM:PORT[=[HOST]:PORT]; for one port, VM PORT will do as well`},
		{"--tunnel web:1 web:2 --local-port=3", "where to listen stands behind the = of each VM:PORT if there are several: web:1=[HOST]:PORT"},
		{"--tunnel web 1 --local-port=3 --local-host-port=:3", "--local-host-port excludes --local-host and --local-port"},
		{"--tunnel web 1 --local-port=70000", `--local-port must be a number from 0 to 65535, not "70000"`},
		{"--tunnel web 1 --frob", "unknown option --frob beside --tunnel"},
		{"--tunnel web 1 --listen-on-stdin", "--tunnel and --listen-on-stdin exclude each other"},
		{"--tunnel web 1 --idle-timeout=soon", `--idle-timeout must be a time, such as 90s, 10m or 1h30m, not "soon"`},
		{"--tunnel web 1 --log-format=xml", `--log-format must be text or json, not "xml"`},
		{"--tunnel web 1 --metrics-addr=a:b", `--metrics-addr must be [HOST]:PORT, not "a:b"`},
		{"--tunnel web 1 --ready-fd=x", `--ready-fd must be the number of an open descriptor, not "x"`},
		{"--tunnel web 1 -f --ready-fd=4", "-f and --ready-fd exclude each other: -f returns when the ports are listened on, and prints them"},
		{"--tunnel web 1 -f -- psql", "-f and a command exclude each other"},
		{"--tunnel web 1 --idle-timeout=3 -- psql", "--idle-timeout and a command exclude each other: the tunnel lasts as long as the command"},
		{"--tunnel web 1 --", "there is no command after --"},
		{"--tunnel VM_1 1", `"vm_1" is not the name of an instance, and IAP knows no other (iapproject was given)`},
		{"--tunnel web 1 -o Foo=1", "command-line: line 0: Bad configuration option: foo"},
		{"--listen-on-stdin vm 22 --ready-fd=3", "--ready-fd and --listen-on-stdin exclude each other"},
	} {
		p, err := m.resolve(t, test.argv)
		got := asTunnel(p)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.argv, got, test.want)
		}
	}
}

func TestTunnelFlags(t *testing.T) {
	p, err := withConfig("").resolve(t, "--tunnel -vv --project=p --zone=z vm 22 --exit-with-parent --ready-fd=5 --log-file=log --log-format=json --metrics-addr=:9100 "+
		"--iap-tunnel-disable-connection-check -- psql -p {port} {port1}{port2}")
	if err != nil {
		t.Fatal(err)
	}
	got := p.Tunnel
	got.Ports = nil
	want := Tunnel{SkipCheck: true, ReadyFD: 5, ExitWithParent: true, MetricsAddr: "127.0.0.1:9100", Command: strings.Fields("psql -p {port} {port1}{port2}")}
	if !reflect.DeepEqual(got, want) || p.LogFile != "log" || p.LogLevel != LogDebug2 || p.LogFormat != "json" {
		t.Errorf("got %+v, log %s at %s", got, p.LogFile, p.LogLevel)
	}
	if words := strings.Join(got.PortWords([]int{7, 8}), " "); words != "psql -p 7 78" {
		t.Errorf("words %q", words)
	}
	for argv, want := range map[string]time.Duration{"--idle-timeout=90": 90 * time.Second, "--idle-timeout 1h30m": 90 * time.Minute, "": 0} {
		p, err := withConfig("").resolve(t, "--tunnel --project=p --zone=z vm 22 -f "+argv)
		if err != nil || p.Tunnel.IdleTimeout != want || !p.Fork {
			t.Errorf("%s: %v, %v, %v", argv, p.Tunnel.IdleTimeout, p.Fork, err)
		}
	}
}

// A variable of a script may be empty: it is not the port that is wrong then.
func TestNameIsEmpty(t *testing.T) {
	for _, flag := range []string{"--tunnel", "--listen-on-stdin"} {
		_, err := Resolve(t.Context(), "iapssh", []string{flag, "", "22"}, machine{}.effects())
		if want := flag + ` "" 22: the name is empty`; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
