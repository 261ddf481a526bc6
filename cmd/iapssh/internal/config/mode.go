package config

import (
	"slices"
	"strconv"
	"strings"
)

// modeOf decides what the program is asked to be, from its arguments alone and
// in this order: a mode flag of ours as the first argument; a tunnel flag
// before any "--" with positionals that are exactly HOST PORT; else ssh.
// Nothing inside a host name, a URL or a command can reach a mode.
func modeOf(argv []string) Mode {
	if len(argv) > 0 {
		switch argv[0] {
		case "--version":
			return ModeVersion
		case "--help":
			return ModeHelp
		}
	}
	if t := scanTunnel(argv); t.mode != "" && t.isHostPort() {
		return t.mode
	}
	return ModeSSH
}

// A flagKind says whether a long flag takes a value.
type flagKind int

const (
	switchFlag  flagKind = iota // --flag, and --no-flag or --flag=true as gcloud has them
	valueFlag                   // --flag=value or --flag value
	refusedFlag                 // takes a value, and means something that is not built
)

// tunnelModes are the flags that choose tunnel grammar.
var tunnelModes = map[string]Mode{
	"--listen-on-stdin": ModeStdio,
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

	"--impersonate-service-account": refusedFlag,
	"--region":                      refusedFlag,
	"--network":                     refusedFlag,
	"--dest-group":                  refusedFlag,
}

// A tunnelLine is a command line read in tunnel grammar: flags anywhere.
type tunnelLine struct {
	mode        Mode // empty: no tunnel flag before "--"
	flags       map[string]string
	positionals []string
	unknown     string // first flag that tunnel grammar does not know
	valueless   string // first flag that lacks its value, or has one and takes none
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
		if name == "-q" {
			name = "--quiet"
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
		if mode := tunnelModes[name]; mode != "" && t.mode == "" {
			t.mode = mode
		}
	}
	return t
}

// check says what is wrong with a line that modeOf took for a tunnel.
func (t tunnelLine) check() error {
	if t.unknown != "" {
		return &UsageError{Text: "unknown option " + t.unknown + " beside --listen-on-stdin"}
	}
	if t.valueless != "" {
		if tunnelFlags[t.valueless] == switchFlag {
			return &UsageError{Text: "option " + t.valueless + " takes no value"}
		}
		return &UsageError{Text: "option requires an argument -- " + strings.TrimLeft(t.valueless, "-")}
	}
	var refused []string
	for name := range t.flags {
		if tunnelFlags[name] == refusedFlag {
			refused = append(refused, name)
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		return &UnsupportedError{Option: refused[0]}
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
