package config

import (
	"fmt"
	"strings"
)

// A flagKind says whether a long flag takes a value.
type flagKind int

const (
	switchFlag   flagKind = iota // --flag
	valueFlag                    // --flag=value or --flag value
	optionalFlag                 // --flag, which then has the value of longOptional, if there is one, or --flag=value
)

// tunnelModes are the flags that choose tunnel grammar.
var tunnelModes = map[string]Mode{
	"--listen-on-stdin": ModeStdio,
	"--local-host":      ModeTunnel,
	"--local-port":      ModeTunnel,
	"--local-host-port": ModeTunnel,
}

// tunnelFlags are the flags of tunnel grammar: ours, and those of gcloud's that
// the scripts and ProxyCommand lines in circulation carry.
var tunnelFlags = map[string]flagKind{
	"--listen-on-stdin":         switchFlag,
	"--project":                 valueFlag,
	"--zone":                    valueFlag,
	"--network-interface":       valueFlag,
	"--iap-tunnel-url-override": valueFlag,
	"--account":                 valueFlag,
	"--configuration":           valueFlag,
	"--verbosity":               valueFlag,
	"--quiet":                   switchFlag,

	"--iap-tunnel-disable-connection-check": switchFlag,

	"--impersonate-service-account": valueFlag,
	"--reason":                      valueFlag,
	"--wait":                        optionalFlag,
	"--error-fd":                    valueFlag,
	"--fail-code":                   valueFlag,
	"--region":                      valueFlag,
	"--network":                     valueFlag,
	"--dest-group":                  valueFlag,
	"--cloud-run":                   valueFlag,
	"--project-number":              valueFlag,
	"--instance":                    valueFlag,
	"--container":                   valueFlag,
	"--private-service-connect":     valueFlag,

	"--local-host":      valueFlag,
	"--local-port":      valueFlag,
	"--local-host-port": valueFlag,

	"--audit-log":  valueFlag,
	"--log-file":   valueFlag,
	"--log-format": valueFlag,
	"-E":           valueFlag,

	// Of stdin and stdout alone.
	"--ensure-key":           optionalFlag,
	"-l":                     valueFlag,
	"--ssh-key-expire-after": valueFlag,
	"--push-key":             valueFlag,

	// Of local ports alone.
	"--ready-fd":         valueFlag,
	"--exit-with-parent": switchFlag,
	"--idle-timeout":     valueFlag,
	"--metrics-addr":     valueFlag,
	"-f":                 switchFlag,
}

// configFlags say what of ssh_config is read, which only --tunnel does.
var configFlags = map[string]flagKind{"-F": valueFlag, "-o": valueFlag}

// A tunnelLine is a command line read in tunnel grammar: flags anywhere.
type tunnelLine struct {
	program     string // whose grammar it is: "--tunnel", "gcloud", "iapproxy"; empty: a tunnel flag made it one
	mode        Mode   // empty: no tunnel flag before "--"
	flags       map[string]string
	options     []string // of -o
	verbose     int      // how many v's
	positionals []string
	command     []string // after "--", where there can be one
	speaker     string   // of gcloud's: the command, as it names itself in errors
	unknown     string   // first flag that the grammar does not know
	valueless   string   // complaint about the first flag that lacks its value, or has one and takes none
	problem     string   // what else is wrong with the line
	overlooked  bool     // iapproxy takes no notice of words after HOST PORT
}

func (t tunnelLine) isHostPort() bool {
	if len(t.positionals) != 2 || t.positionals[0] == "" {
		return false
	}
	_, ok := parsePort(t.positionals[1])
	return ok
}

// scanTunnel reads argv in tunnel grammar as far as it goes. It never fails:
// whether the line is one of ours is for modeOf to say.
func scanTunnel(argv []string) tunnelLine {
	t := tunnelLine{flags: map[string]string{}}
	t.scan(argv, tunnelFlags)
	return t
}

// scanOurs reads what follows --tunnel: behind "--" stands a command.
func scanOurs(argv []string) tunnelLine {
	t := tunnelLine{program: "--tunnel", mode: ModeTunnel, flags: map[string]string{}}
	t.scan(argv, tunnelFlags)
	return t
}

// scan takes the flags among argv, and what is none.
func (t *tunnelLine) scan(argv []string, flags map[string]flagKind) {
	for len(argv) > 0 {
		arg := argv[0]
		argv = argv[1:]
		switch {
		case arg == "--":
			if t.program == "--tunnel" {
				t.command = argv
			} else {
				t.positionals = append(t.positionals, argv...)
			}
			return
		case len(arg) < 2 || arg[0] != '-':
			t.positionals = append(t.positionals, arg)
		default:
			argv = t.flag(arg, argv, flags)
		}
	}
}

// flag takes one flag, with the argument behind it if that is its value. It returns
// the arguments that are left.
func (t *tunnelLine) flag(arg string, rest []string, flags map[string]flagKind) (left []string) {
	name, value, attached := strings.Cut(arg, "=")
	switch name {
	case "-q":
		name = "--quiet"
	case "-v", "-vv", "-vvv":
		t.verbose += len(name) - 1
		return rest
	}
	kind, known := flags[name]
	if ours, ok := configFlags[name]; ok && t.program == "--tunnel" {
		kind, known = ours, true
	}
	switch {
	case !known:
		t.unknown = first(t.unknown, arg)
		return rest
	case kind == switchFlag:
		if attached {
			t.valueless = first(t.valueless, "option "+name+" takes no value")
		}
	case kind == optionalFlag:
		if !attached {
			value = longOptional[name]
		}
	case !attached:
		if len(rest) == 0 {
			t.valueless = first(t.valueless, "option requires an argument -- "+strings.TrimLeft(name, "-"))
			return nil
		}
		value, rest = rest[0], rest[1:]
	}
	if name == "-o" {
		t.options = append(t.options, value)
		return rest
	}
	t.flags[name] = value
	if mode := tunnelModes[name]; mode != "" && t.mode != ModeStdio {
		t.mode = mode
	}
	return rest
}

// has says whether a flag was given.
func (t tunnelLine) has(name string) bool {
	_, given := t.flags[name]
	return given
}

// chosenBy is what made a tunnel of the line.
func (t tunnelLine) chosenBy() string {
	if t.program != "" {
		return t.program
	}
	for _, name := range []string{"--listen-on-stdin", "--local-host-port", "--local-port", "--local-host"} {
		if t.has(name) {
			return name
		}
	}
	return ""
}

// listenFlags are those of local ports. iapproxy overlooks its own beside
// --listen-on-stdin.
var listenFlags = []string{"--local-host-port", "--local-host", "--local-port", "--ready-fd", "--exit-with-parent", "--idle-timeout",
	"--metrics-addr", "-f"}

// check says what is wrong with a line that modeOf took for a tunnel.
func (t tunnelLine) check() error {
	switch {
	case t.problem != "":
		return usage(t.problem)
	case t.unknown != "":
		return usage("unknown option " + t.unknown + " beside " + t.chosenBy())
	case t.valueless != "":
		return usage(t.valueless)
	}
	if err := excludeEachOther(t.flags); err != nil {
		return err
	}
	stdio := t.has("--listen-on-stdin")
	for _, name := range listenFlags {
		if stdio && t.has(name) && t.program != "iapproxy" {
			return usage(name + " and --listen-on-stdin exclude each other")
		}
	}
	if t.has("--ensure-key") && !stdio {
		return usage("--ensure-key goes with --listen-on-stdin")
	}
	for _, name := range ensureFlags {
		if t.has(name) && !t.has("--ensure-key") && fleetFlags[t.mode] == nil {
			return usage(name + " goes with --ensure-key")
		}
	}
	if stdio && t.program == "--tunnel" {
		return usage("--tunnel and --listen-on-stdin exclude each other")
	}
	return nil
}

// excludeEachOther refuses typed flags of which one must be a mistake: they name
// targets of different kinds.
func excludeEachOther(flags map[string]string) error {
	for _, pair := range [][2]string{
		{"--zone", "--region"}, {"--network-interface", "--region"},
		{"--zone", "--cloud-run"}, {"--network-interface", "--cloud-run"}, {"--network", "--cloud-run"}, {"--dest-group", "--cloud-run"},
	} {
		if flags[pair[0]] != "" && flags[pair[1]] != "" {
			return usage(pair[0] + " and " + pair[1] + " exclude each other")
		}
	}
	return nil
}

// logLevel is what -v and gcloud's --verbosity say. gcloud's default, warning, is
// what ssh calls INFO: what a user ought to see and no more.
func (t tunnelLine) logLevel() (LogLevel, error) {
	level, known := map[string]LogLevel{"": LogInfo, "warning": LogInfo, "info": LogVerbose, "debug": LogDebug1,
		"error": LogError, "critical": LogFatal, "none": LogQuiet}[t.flags["--verbosity"]]
	if !known {
		return 0, usage(fmt.Sprintf("--verbosity must be debug, info, warning, error, critical or none, not %q", t.flags["--verbosity"]))
	}
	if t.verbose > 0 {
		level = max(level, min(LogDebug1+LogLevel(t.verbose)-1, LogDebug3))
	}
	return level, nil
}
