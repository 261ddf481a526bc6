package config

import (
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

// Every row of the table that is a tunnel with an unknown flag is an error, and
// never a session with a command of that name.
func TestTunnelErrors(t *testing.T) {
	for _, test := range []struct{ argv, want string }{
		{"--listen-on-stdin --frob vm 22", "unknown option --frob beside --listen-on-stdin"},
		{"--listen-on-stdin -p vm 22", "unknown option -p beside --listen-on-stdin"},
		{"--listen-on-stdin vm 22 --project", "option requires an argument -- project"},
		{"--listen-on-stdin=yes vm 22", "option --listen-on-stdin takes no value"},
		{"--listen-on-stdin vm 22 --verbosity=loud", `--verbosity must be debug, info, warning, error, critical or none, not "loud"`},
		{"--listen-on-stdin VM_1 22", `"VM_1" is not the name of an instance`},
		{"--listen-on-stdin vm 22 --region=r", "--region is not supported yet"},
		{"--listen-on-stdin vm 22 --impersonate-service-account x", "--impersonate-service-account is not supported yet"},
		{"--listen-on-stdin vm 22", `no project known for "vm"`},
		{"--listen-on-stdin vm 22 --project=p", `no zone known for "vm"`},
		{"--listen-on-stdin vm", "--listen-on-stdin needs exactly HOST PORT beside its flags; a command with such a flag goes after --"},
		{"vm run --listen-on-stdin", "--listen-on-stdin needs exactly HOST PORT beside its flags; a command with such a flag goes after --"},
	} {
		p, err := machine{}.resolve(t, test.argv)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, %v; want %q", test.argv, p.Mode, err, test.want)
		}
	}
}
