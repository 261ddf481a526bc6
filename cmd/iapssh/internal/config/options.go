package config

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// assignments are the options that do no more than set a keyword, replacing what
// it had; "" stands for the option's argument.
var assignments = map[string][][2]string{
	"4": {{"addressfamily", "inet"}},
	"6": {{"addressfamily", "inet6"}},
	"A": {{"forwardagent", "yes"}},
	"a": {{"forwardagent", "no"}},
	"B": {{"bindinterface", ""}},
	"b": {{"bindaddress", ""}},
	"C": {{"compression", "yes"}},
	"f": {{"forkafterauthentication", "yes"}, {"stdinnull", "yes"}},
	"g": {{"gatewayports", "yes"}},
	"I": {{"pkcs11provider", ""}},
	"K": {{"gssapiauthentication", "yes"}, {"gssapidelegatecredentials", "yes"}},
	"k": {{"gssapidelegatecredentials", "no"}},
	"n": {{"stdinnull", "yes"}},
	"q": {{"loglevel", "QUIET"}},
	"S": {{"controlpath", ""}},
	"T": {{"requesttty", "no"}},
	"X": {{"forwardx11", "yes"}},
	"x": {{"forwardx11", "no"}},
	"Y": {{"forwardx11", "yes"}, {"forwardx11trusted", "yes"}},
}

// inert are the options of the above that have no effect here.
const inert = "CK"

// option obeys one option.
func (c *commandLine) option(o option, ev *evaluator) error {
	if len(o.name) > 1 {
		return c.longFlag(o)
	}
	put := func(name, value string) {
		ev.settings[name] = setting{[]string{value}, position{file: "-" + o.name}}
	}
	if pairs, ok := assignments[o.name]; ok {
		ev.assign(o, pairs, put)
		return nil
	}
	if strings.Contains(checkedOptions, o.name) {
		return checked(o, ev, put)
	}
	switch o.name {
	case "1":
		return &UsageError{Text: "SSH protocol v.1 is no longer supported"}
	case "2":
	case "E":
		c.logFile = o.arg
	case "F":
		c.configFile = o.arg
	case "G":
		c.dump = true
	case "i":
		return c.identity(o.arg, ev)
	case "J":
		return ev.jump(o)
	case "D", "L", "R":
		return ev.forward(o)
	case "N":
		return sessionType(ev, "none", put)
	case "O":
		return muxCommand(ev, o, put)
	case "o":
		return ev.option(o.arg)
	case "Q":
		var err error
		c.query, err = query(o.arg)
		return err
	case "s":
		return sessionType(ev, "subsystem", put)
	case "V":
		c.version = true
	case "W":
		return stdioForward(ev, o, put)
	case "y":
		c.syslog = true
	default:
		c.relative(o, ev, put)
	}
	return nil
}

// assign obeys an option of assignments.
func (ev *evaluator) assign(o option, pairs [][2]string, put func(name, value string)) {
	for _, pair := range pairs {
		put(pair[0], first(pair[1], o.arg))
	}
	if strings.Contains(inert, o.name) {
		ev.ignored = append(ev.ignored, Ignored{Keyword: pairs[0][0], Where: "-" + o.name})
	}
}

// relative obeys the options that come to something else, or to nothing, where
// their keyword is set already.
func (c *commandLine) relative(o option, ev *evaluator, put func(name, value string)) {
	have := func(name string) string { return ev.settings.word(name) }
	switch o.name {
	case "l":
		if have("user") == "" {
			put("user", o.arg)
			c.userTyped = true
		}
	case "M":
		put("controlmaster", map[bool]string{false: "yes", true: "ask"}[have("controlmaster") == "yes"])
	case "P":
		if have("tag") == "" {
			put("tag", o.arg)
		}
	case "t":
		put("requesttty", map[bool]string{false: "yes", true: "force"}[have("requesttty") == "yes"])
	case "v":
		level := LogDebug1
		if c.debug {
			level = min(parseLogLevel(have("loglevel"))+1, LogDebug3)
		}
		c.debug = true
		put("loglevel", level.String())
	}
}

// checkedOptions are those whose argument is checked in words of the option's own.
const checkedOptions = "cempw"

// checked obeys one of them.
func checked(o option, ev *evaluator, put func(name, value string)) error {
	bad := func(format string) error { return &UsageError{Text: fmt.Sprintf(format, o.arg)} }
	switch o.name {
	case "c":
		if !validAlgorithms("ciphers", o.arg) || o.arg[0] == '-' {
			return bad("Unknown cipher type '%s'")
		}
		put("ciphers", o.arg)
	case "e":
		char, ok := parseEscape(o.arg)
		if !ok {
			return bad("Bad escape character '%s'.")
		}
		put("escapechar", fmt.Sprint(char))
	case "m":
		if !validAlgorithms("macs", o.arg) || strings.IndexByte("+-^", o.arg[0]) >= 0 {
			return bad("Unknown mac type '%s'")
		}
		put("macs", o.arg)
	case "p":
		if ev.settings.word("port") != "" {
			break
		}
		port, ok := ev.effects.port(o.arg)
		if !ok {
			return bad("Bad port '%s'")
		}
		put("port", strconv.Itoa(port))
	case "w":
		device, ok := parseTunnelDevice(o.arg)
		if !ok {
			return bad("Bad tun device '%s'")
		}
		if ev.settings.word("tunnel") == "" {
			put("tunnel", "point-to-point")
		}
		put("tunneldevice", device)
	}
	return nil
}

// longFlag keeps a flag of ours. Of several that set the same keyword the last counts.
func (c *commandLine) longFlag(o option) error {
	if o.arg == "" {
		return &UsageError{Text: o.name + " needs a value"}
	}
	if longFlags[o.name] == "" {
		c.flags[o.name] = o.arg
		return nil
	}
	value, _, problem := keywords[longFlags[o.name]].read([]string{o.arg}, o.arg)
	if problem != "" || len(value) == 0 {
		return usage(o.name + ": " + first(problem, "needs a value"))
	}
	maps.DeleteFunc(c.flags, func(name, _ string) bool { return longFlags[name] == longFlags[o.name] })
	c.flags[o.name] = value[0]
	return nil
}

// sessionType obeys -N and -s, which exclude each other.
func sessionType(ev *evaluator, kind string, put func(name, value string)) error {
	if have := ev.settings.word("sessiontype"); have != "" && have != kind {
		if kind == "none" {
			return &UsageError{Text: "Cannot specify -N with -s/SessionType"}
		}
		return &UsageError{Text: "Cannot specify -s with -N/SessionType"}
	}
	put("sessiontype", kind)
	if kind == "none" {
		put("requesttty", "no")
	}
	return nil
}

// identity obeys -i. A file that does not exist is a warning, and not used.
func (c *commandLine) identity(arg string, ev *evaluator) error {
	path, err := expandTilde(arg, ev.me.home, ev.effects.HomeOf)
	if err != nil {
		return &UsageError{Text: err.Error()}
	}
	if _, err := ev.effects.Stat(path); err != nil {
		c.warnings = append(c.warnings, fmt.Sprintf(
			"Warning: Identity file %s not accessible: %s.", path, reason(err)))
		return nil
	}
	if complaint := ev.set("identityfile", []string{path}, "", position{file: "-i"}, true); complaint != "" {
		return &UsageError{Text: complaint}
	}
	return nil
}
