package config

import (
	"fmt"
	"strings"
)

// longFlags are our flags in ssh's grammar, to the keywords they set. They stand
// where ssh's own options may, and beat -o wherever it stands.
var longFlags = map[string]string{
	"--project":                 "iapproject",
	"--zone":                    "iapzone",
	"--network-interface":       "iapinterface",
	"--account":                 "iapaccount",
	"--configuration":           "iapconfiguration",
	"--iap-tunnel-url-override": "", // commandLine.relayURL
}

// refusedOptions are ssh's options whose feature is not built. Accepting them
// would give the user something else than asked for.
const refusedOptions = "AbBDfGIJKLMOQRwWXYy"

// A commandLine is what ssh's grammar says beside the settings it makes.
type commandLine struct {
	host         string
	command      string
	hasCommand   bool
	userTyped    bool // -l, user@host: checked for dangerous characters
	configFile   string
	logFile      string
	relayURL     string
	version      bool // -V
	flags        map[string]string
	optionsEnded bool // "--" was seen
	debug        bool // some -v was seen
	warnings     []string
}

// parseArgv reads argv in ssh's grammar. Options set ev's settings as they come,
// so that the first of -p and -o Port wins, as in ssh.
func parseArgv(argv []string, ev *evaluator) (commandLine, error) {
	c := commandLine{flags: map[string]string{}}
	for _, arg := range argv {
		if arg == "--" {
			break
		}
		if name, _, _ := strings.Cut(arg, "="); tunnelModes[name] != "" {
			return c, &UsageError{Text: name + " needs exactly HOST PORT beside its flags; " +
				"a command with such a flag goes after --"}
		}
	}
	g := &getopt{argv: argv}
	if err := c.options(g, ev); err != nil || c.version {
		return c, err
	}
	if len(g.argv) == 0 {
		return c, &UsageError{Synopsis: true}
	}
	if err := c.destination(g.shift(), ev); err != nil {
		return c, err
	}
	if !c.optionsEnded {
		if err := c.options(g, ev); err != nil || c.version {
			return c, err
		}
	}
	for name, value := range c.flags {
		ev.settings[longFlags[name]] = setting{[]string{value}, position{file: name}}
	}
	if user := ev.settings.word("user"); c.userTyped && !validUser(user) {
		return c, &UsageError{Text: "remote username contains invalid characters"}
	}
	if !validHostname(c.host) {
		return c, &UsageError{Text: "hostname contains invalid characters"}
	}
	c.hasCommand = len(g.argv) > 0
	c.command = strings.Join(g.argv, " ")
	if !c.hasCommand && ev.settings.word("sessiontype") == "subsystem" {
		return c, &UsageError{Text: "You must specify a subsystem to invoke.", Synopsis: true}
	}
	if c.optionsEnded && c.hasCommand && looksLikeOption(g.argv[0]) {
		c.warnings = append(c.warnings, fmt.Sprintf(
			"%s after -- is part of the remote command; options of ssh go before --", g.argv[0]))
	}
	return c, nil
}

// looksLikeOption spots gcloud's habit: "gcloud compute ssh VM -- -L 1:h:2".
func looksLikeOption(word string) bool {
	return len(word) >= 2 && word[0] == '-' && strings.IndexByte(sshOptions, word[1]) >= 0
}

// options reads a run of options.
func (c *commandLine) options(g *getopt, ev *evaluator) error {
	for {
		o, ok, err := g.next(longFlags)
		if err != nil {
			return err
		}
		if !ok {
			c.optionsEnded = g.last == "--"
			return nil
		}
		if err := c.option(o, ev); err != nil || c.version {
			return err
		}
	}
}

// option obeys one option.
func (c *commandLine) option(o option, ev *evaluator) error {
	put := func(name, value string) {
		ev.settings[name] = setting{[]string{value}, position{file: "-" + o.name}}
	}
	putFirst := func(name, value string) bool {
		if _, set := ev.settings[name]; set {
			return false
		}
		put(name, value)
		return true
	}
	if len(o.name) > 1 {
		return c.longFlag(o)
	}
	if strings.Contains(refusedOptions, o.name) {
		return &UnsupportedError{Option: "-" + o.name}
	}
	switch o.name {
	case "1":
		return &UsageError{Text: "SSH protocol v.1 is no longer supported"}
	case "4":
		put("addressfamily", "inet")
	case "6":
		put("addressfamily", "inet6")
	case "2":
	case "a":
		put("forwardagent", "no")
	case "g":
		put("gatewayports", "yes")
	case "k":
		put("gssapidelegatecredentials", "no")
	case "x":
		put("forwardx11", "no")
	case "C":
		ev.ignored = append(ev.ignored, Ignored{Keyword: "compression", Where: "-C"})
	case "c":
		put("ciphers", o.arg)
	case "E":
		c.logFile = o.arg
	case "e":
		char, ok := parseEscape(o.arg)
		if !ok {
			return &UsageError{Text: fmt.Sprintf("Bad escape character '%s'.", o.arg)}
		}
		put("escapechar", fmt.Sprint(char))
	case "F":
		c.configFile = o.arg
	case "i":
		return c.identity(o.arg, ev)
	case "l":
		c.userTyped = putFirst("user", o.arg) || c.userTyped
	case "m":
		put("macs", o.arg)
	case "N":
		return sessionType(ev, "none", put)
	case "n":
		put("stdinnull", "yes")
	case "o":
		return ev.option(o.arg)
	case "P":
		putFirst("tag", o.arg)
	case "p":
		if _, ok := parsePort(o.arg); !ok && ev.settings.word("port") == "" {
			return &UsageError{Text: fmt.Sprintf("Bad port '%s'", o.arg)}
		}
		putFirst("port", o.arg)
	case "q":
		put("loglevel", LogQuiet.String())
	case "S":
		put("controlpath", o.arg)
		ev.ignored = append(ev.ignored, Ignored{Keyword: "controlpath", Where: "-S"})
	case "s":
		return sessionType(ev, "subsystem", put)
	case "T":
		put("requesttty", "no")
	case "t":
		if ev.settings.word("requesttty") == "yes" {
			put("requesttty", "force")
		} else {
			put("requesttty", "yes")
		}
	case "V":
		c.version = true
	case "v":
		level := LogDebug1
		if c.debug {
			level = min(parseLogLevel(ev.settings.word("loglevel"))+1, LogDebug3)
		}
		c.debug = true
		put("loglevel", level.String())
	}
	return nil
}

func (c *commandLine) longFlag(o option) error {
	if o.arg == "" {
		return &UsageError{Text: o.name + " needs a value"}
	}
	if longFlags[o.name] == "" {
		c.relayURL = o.arg
		return nil
	}
	c.flags[o.name] = o.arg
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

func parseLogLevel(name string) LogLevel {
	for i, known := range logLevelNames {
		if name == known {
			return LogLevel(i)
		}
	}
	return LogInfo
}
