package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestMode(t *testing.T) {
	for _, test := range []struct {
		argv string
		want Mode
	}{
		{"--version", ModeVersion},
		{"--help", ModeHelp},
		{"--tunnel vm 22", ModeTunnel},
		{"--tunnel", ModeTunnel},
		{"--tunnel --help", ModeTunnel},
		{"-v --tunnel vm 22", ModeSSH},
		{"--list", ModeList},
		{"--list=x", ModeList},
		{"--list --project=p --json", ModeList},
		{"--completion=bash", ModeCompletion},
		{"--doctor vm", ModeDoctor},
		{"--explain 4033", ModeExplain},
		{"--explain invalid_rapt", ModeExplain},
		{"--explain vm", ModePlan},
		{"--config-ssh", ModeConfigSSH},
		{"--host-keys vm", ModeHostKeys},
		{"--forget vm", ModeForget},
		{"--gcloud compute start-iap-tunnel vm 22", modeGCloud},
		{"--gcloud", modeGCloud},
		{"-v --gcloud compute ssh vm", ModeSSH},
		{"--lis", ModeSSH}, // no abbreviations
		{"vm --list", ModeSSH},
		{"-q --doctor", ModeSSH},
		{"--list@vm", ModeSSH},
		{"ssh://--list", ModeSSH},

		{"--local-port=2222 vm 22", ModeTunnel},
		{"vm 22 --local-host-port localhost:0 --zone=z", ModeTunnel},
		{"--local-host=h --listen-on-stdin vm 22", ModeStdio},
		{"--local-port 22 vm", ModeSSH},
		{"vm -- 22 --local-port=1", ModeSSH},
		{"--help vm", ModeHelp},
		{"vm --version", ModeSSH},
		{"vm -- --help", ModeSSH},
		{"-v --version", ModeSSH},
		{"", ModeSSH},
		{"vm", ModeSSH},
		{"-V", ModeSSH},

		{"--listen-on-stdin vm 22", ModeStdio},
		{"vm 22 --listen-on-stdin", ModeStdio},
		{"vm --listen-on-stdin 22", ModeStdio},
		{"vm 22 --listen-on-stdin --project=p --zone=z --verbosity=warning", ModeStdio},
		{"vm 22 --project p --listen-on-stdin --zone z", ModeStdio},
		{"--project --listen-on-stdin vm 22", ModeSSH}, // it is the value of --project
		{"--listen-on-stdin --project=p -- vm 22", ModeStdio},

		{"--listen-on-stdin vm", ModeSSH},
		{"--listen-on-stdin vm 22 23", ModeSSH},
		{"--listen-on-stdin vm ssh", ModeSSH},
		{"--listen-on-stdin vm 0", ModeSSH},
		{"--listen-on-stdin vm 65536", ModeSSH},
		{"--listen-on-stdin vm +22", ModeSSH},
		{"vm -- --listen-on-stdin", ModeSSH},
		{"vm -- 22 --listen-on-stdin", ModeSSH},
		{"vm 22", ModeSSH}, // the command is 22
		{"ssh://--listen-on-stdin 22", ModeSSH},
	} {
		if got, _ := modeOf("iapssh", strings.Fields(test.argv)); got != test.want {
			t.Errorf("modeOf(%q) = %q, want %q", test.argv, got, test.want)
		}
	}
}

func TestInventoryMode(t *testing.T) {
	for _, program := range []string{"iapssh-inventory", "/etc/ansible/iapssh-inventory", `C:\x\iapssh-inventory.exe`} {
		if got, line := modeOf(program, []string{"--host", "vm"}); got != ModeList || line.flags["--list"] != "ansible" || line.flags["--host"] != "vm" {
			t.Errorf("%s: %q, %+v", program, got, line)
		}
	}
}

// Every row of the table that is a tunnel with an unknown flag is an error, and
// never a session with a command of that name.
func TestTunnelErrors(t *testing.T) {
	for _, test := range []struct{ argv, want string }{
		{"--listen-on-stdin --frob vm 22", "unknown option --frob beside --listen-on-stdin"},
		{"--listen-on-stdin -p vm 22", "unknown option -p beside --listen-on-stdin"},
		{"--listen-on-stdin vm 22 --project", "option requires an argument -- project"},
		{"--listen-on-stdin=yes vm 22", "option --listen-on-stdin takes no value"},
		{"--listen-on-stdin vm 22 --verbosity=loud", `--verbosity must be debug, info, warning, error, critical or none, not "loud"`},
		{"--listen-on-stdin VM_1 22", `"VM_1" is not the name of an instance, and IAP knows no other (--listen-on-stdin)`},
		{"--listen-on-stdin vm 22 --local-port=1", "--local-port and --listen-on-stdin exclude each other"},
		{"--local-port=1 vm 22 --frob", "unknown option --frob beside --local-port"},
		{"--listen-on-stdin vm", "--listen-on-stdin needs exactly HOST PORT beside its flags; a command with such a flag goes after --"},
		{"--listen-on-stdin vm ssh", `bad port "ssh" for --listen-on-stdin: a number from 1 to 65535 is wanted`},
		{"vm run x --listen-on-stdin", "--listen-on-stdin needs exactly HOST PORT beside its flags; a command with such a flag goes after --"},
	} {
		p, err := machine{}.resolve(t, test.argv)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, %v; want %q", test.argv, p.Mode, err, test.want)
		}
	}
}

// Called as iapproxy, that program's grammar counts.
func TestCalledAsIAPProxy(t *testing.T) {
	for _, test := range []struct{ argv, want string }{
		{"--listen-on-stdin --project=p --zone=z vm 22", "stdio vm 22 p z"},
		{"-listen-on-stdin -project p -zone z vm 2222", "stdio vm 2222 p z"},
		{"--listen-on-stdin=true --project=p --zone=z -- vm 22 --zone=y", "stdio vm 22 p z"},
		{"--listen-on-stdin --local-port=3 --project=p --zone=z vm 22", "stdio vm 22 p z"}, // as it does
		{"--listen-on-stdin --v=2 -logtostderr --log-file=f --project=p --zone=z vm 22", "stdio vm 22 p z"},
		{"--listen-on-stdin=f --project=p --zone=z vm 22", "tunnel 127.0.0.1:0 vm 22 p z"},
		{"--project=p --zone=z --local-port=2222 --local-host=::1 vm 22", "tunnel ::1:2222 vm 22 p z"},
		{"--listen-on-stdin vm", "usage: iapproxy [flags] INSTANCE_NAME PORT"},
		{"--listen-on-stdin vm ssh", "usage: iapproxy [flags] INSTANCE_NAME PORT"},
		{"vm 22 --listen-on-stdin --zone=y", "tunnel 127.0.0.1:0 vm 22  "}, // flags end at the first word
		{"--frob vm 22", "flag provided but not defined: -frob"},
		{"--zone", "flag needs an argument: -zone"},
		{"--listen-on-stdin=maybe vm 22", `invalid boolean value "maybe" for -listen-on-stdin`},
		{"-h", "help"},
		{"", "usage: iapproxy [flags] INSTANCE_NAME PORT"},
	} {
		for _, program := range []string{"/usr/local/bin/iapproxy", `C:\tools\IAPProxy.exe`, "iapproxy"} {
			p, err := Resolve(t.Context(), program, strings.Fields(test.argv), machine{}.effects())
			got := string(p.Mode)
			switch {
			case err != nil:
				got = err.Error()
			case p.Mode == ModeStdio:
				got += way(p)
			case p.Mode == ModeTunnel:
				got = asTunnel(p)
			}
			if got != test.want {
				t.Errorf("%s %s: %s; want %s", program, test.argv, got, test.want)
			}
		}
	}
}

func TestForget(t *testing.T) {
	p, err := (machine{}).resolve(t, "--forget vm web.us-east1-b.q db.c.q.internal")
	want := []Target{{Instance: "vm"}, {Project: "q", Zone: "us-east1-b", Instance: "web"}, {Project: "q", Instance: "db"}}
	if err != nil || p.Mode != ModeForget || !slices.Equal(p.VMs, want) {
		t.Errorf("%+v, %v", p.VMs, err)
	}
	for _, argv := range []string{"--forget --all", "--forget a/b", "--forget 10.0.0.1"} {
		var bad *UsageError
		if _, err := (machine{}).resolve(t, argv); !errors.As(err, &bad) {
			t.Errorf("%s: %v", argv, err)
		}
	}
}
