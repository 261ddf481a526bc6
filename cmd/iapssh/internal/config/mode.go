package config

import (
	"regexp"
	"strconv"
	"strings"
)

// modes are the flags that choose one, and only as the first argument. Those
// without a Mode are not built.
var modes = map[string]Mode{
	"--version":    ModeVersion,
	"--help":       ModeHelp,
	"--tunnel":     "",
	"--list":       "",
	"--doctor":     "",
	"--explain":    ModePlan,
	"--config-ssh": "",
	"--host-keys":  ModeHostKeys,
	"--forget":     ModeForget,
	"--gcloud":     "",
}

// Modes that Resolve answers with an error.
const (
	modeNotBuilt Mode = "not built"
	modeListen   Mode = "listen" // tunnel grammar, on a local port
)

// modeOf decides what the program is asked to be, from its name and arguments
// alone and in this order: called as iapproxy, that program's grammar; a mode
// flag of ours as the first argument; a tunnel flag before any "--" with
// positionals that are exactly HOST PORT; else ssh. Nothing inside a host name,
// a URL or a command can reach a mode.
func modeOf(program string, argv []string) (Mode, tunnelLine) {
	if baseName(program) == "iapproxy" {
		line := scanProxy(argv)
		return line.mode, line
	}
	if len(argv) == 2 && argv[0] == "--explain" && errorCode.MatchString(argv[1]) {
		return ModeExplain, tunnelLine{}
	}
	if len(argv) > 0 {
		if mode, ok := modes[argv[0]]; ok {
			if mode == "" {
				mode = modeNotBuilt
			}
			return mode, tunnelLine{}
		}
	}
	if t := scanTunnel(argv); t.mode != "" && t.isHostPort() {
		return t.mode, t
	}
	return ModeSSH, tunnelLine{}
}

// errorCode is what cannot be the name of a VM.
var errorCode = regexp.MustCompile(`^([0-9]+|[A-Za-z0-9]+(_[A-Za-z0-9]+)+)$`)

// baseName is the name of a program without its place, on any system, in lower
// case where it is Windows' and has an extension.
func baseName(path string) string {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	for _, ext := range []string{".exe", ".cmd", ".bat", ".ps1"} {
		if bare, ok := strings.CutSuffix(lower(name), ext); ok {
			return bare
		}
	}
	return name
}

// A flagKind says whether a long flag takes a value.
type flagKind int

const (
	switchFlag flagKind = iota // --flag
	valueFlag                  // --flag=value or --flag value
)

// tunnelModes are the flags that choose tunnel grammar.
var tunnelModes = map[string]Mode{
	"--listen-on-stdin": ModeStdio,
	"--local-host":      modeListen,
	"--local-port":      modeListen,
	"--local-host-port": modeListen,
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

	// It changes nothing here: there is no local port to check.
	"--iap-tunnel-disable-connection-check": switchFlag,

	"--impersonate-service-account": valueFlag,
	"--reason":                      valueFlag,
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
}

// A tunnelLine is a command line read in tunnel grammar: flags anywhere.
type tunnelLine struct {
	program     string // whose grammar it is, if not ours
	mode        Mode   // empty: no tunnel flag before "--"
	flags       map[string]string
	positionals []string
	unknown     string // first flag that tunnel grammar does not know
	valueless   string // first flag that lacks its value, or has one and takes none
	problem     string // what else is wrong with the line
	overlooked  bool   // iapproxy takes no notice of words after HOST PORT
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
	for i := 0; i < len(argv); i++ {
		arg := argv[i]
		if arg == "--" {
			t.positionals = append(t.positionals, argv[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			t.positionals = append(t.positionals, arg)
			continue
		}
		name, value, attached := strings.Cut(arg, "=")
		switch name {
		case "-q":
			name = "--quiet"
		case "-v", "-vv", "-vvv":
			t.flags["--verbosity"] = "debug"
			continue
		}
		kind, known := tunnelFlags[name]
		switch {
		case !known:
			t.unknown = first(t.unknown, arg)
			continue
		case kind == switchFlag:
			if attached {
				t.valueless = first(t.valueless, name)
			}
		case !attached:
			if i++; i == len(argv) {
				t.valueless = first(t.valueless, name)
				continue
			}
			value = argv[i]
		}
		t.flags[name] = value
		if mode := tunnelModes[name]; mode != "" && t.mode != ModeStdio {
			t.mode = mode
		}
	}
	return t
}

// chosenBy is the flag that made a tunnel of the line.
func (t tunnelLine) chosenBy() string {
	for _, name := range []string{"--listen-on-stdin", "--local-host-port", "--local-port", "--local-host"} {
		if _, set := t.flags[name]; set {
			return name
		}
	}
	return ""
}

// check says what is wrong with a line that modeOf took for a tunnel.
func (t tunnelLine) check() error {
	if t.problem != "" {
		return &UsageError{Ours: true, Text: t.problem}
	}
	if t.unknown != "" {
		return &UsageError{Ours: true, Text: "unknown option " + t.unknown + " beside " + t.chosenBy()}
	}
	if t.valueless != "" {
		if tunnelFlags[t.valueless] == switchFlag {
			return &UsageError{Ours: true, Text: "option " + t.valueless + " takes no value"}
		}
		return &UsageError{Ours: true, Text: "option requires an argument -- " + strings.TrimLeft(t.valueless, "-")}
	}
	if err := excludeEachOther(t.flags); err != nil {
		return err
	}
	for _, name := range []string{"--local-host-port", "--local-host", "--local-port"} {
		if _, set := t.flags[name]; set && t.program == "" {
			return &UsageError{Ours: true, Text: name + " and --listen-on-stdin exclude each other"}
		}
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
			return &UsageError{Ours: true, Text: pair[0] + " and " + pair[1] + " exclude each other"}
		}
	}
	return nil
}

// parsePort reads a port, 1 to 65535, in decimal digits and nothing else.
func parsePort(s string) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && 1 <= n && n <= 65535
}

// first returns the first that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
