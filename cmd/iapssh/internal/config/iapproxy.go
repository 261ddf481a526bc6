package config

import (
	"strconv"
	"strings"
)

// proxyFlags are iapproxy's flags, with those that its logger adds: true for
// those that take a value. The grammar is Go's: one dash or two, and flags end at
// the first word that is none.
var proxyFlags = map[string]bool{
	"project": true, "zone": true, "local-port": true, "local-host": true, "log-file": true, "listen-on-stdin": false,
	"verbosity": true, // of its first version, then called iap-proxy

	"v": true, "vmodule": true, "stderrthreshold": true, "log_dir": true, "log_link": true,
	"logbuflevel": true, "log_backtrace_at": true, "logtostderr": false, "alsologtostderr": false,
}

// scanProxy reads iapproxy's command line. Project and zone, which it demands,
// may come from gcloud's configuration here.
func scanProxy(argv []string) tunnelLine {
	t := tunnelLine{program: "iapproxy", mode: ModeTunnel, flags: map[string]string{}}
	for len(argv) > 0 {
		arg := argv[0]
		if len(arg) < 2 || arg[0] != '-' {
			break
		}
		argv = argv[1:]
		if arg == "--" {
			break
		}
		name, value, attached := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		if name == "help" || name == "h" {
			t.mode = ModeHelp
			return t
		}
		takesValue, known := proxyFlags[name]
		switch {
		case !known:
			t.problem = first(t.problem, "flag provided but not defined: -"+name)
		case takesValue && !attached && len(argv) == 0:
			t.problem = first(t.problem, "flag needs an argument: -"+name)
		case takesValue && !attached:
			value, argv = argv[0], argv[1:]
		case !takesValue && attached:
			on, ok := goBool(value)
			if !ok {
				t.problem = first(t.problem, "invalid boolean value \""+value+"\" for -"+name)
			}
			if !on {
				continue
			}
		}
		t.flags["--"+name] = value
		if name == "listen-on-stdin" {
			t.mode = ModeStdio
		}
	}
	t.verbose, _ = strconv.Atoi(t.flags["--v"])
	t.verbose = max(0, min(t.verbose, 3))
	t.positionals, t.overlooked = argv[:min(len(argv), 2)], len(argv) > 2
	if !t.isHostPort() {
		t.problem = first(t.problem, "usage: iapproxy [flags] INSTANCE_NAME PORT")
	}
	return t
}

// goBool reads a boolean as Go's flags do.
func goBool(s string) (on, ok bool) {
	switch s {
	case "1", "t", "T", "true", "TRUE", "True":
		return true, true
	case "0", "f", "F", "false", "FALSE", "False":
		return false, true
	}
	return false, false
}
