package config

import (
	"fmt"
	"strings"
)

// longFlags are our flags in ssh's grammar, to the keywords they set; some set
// none. They stand where ssh's own options may, and beat -o wherever it stands.
var longFlags = map[string]string{
	"--project":                 "iapproject",
	"--zone":                    "iapzone",
	"--network-interface":       "iapinterface",
	"--account":                 "iapaccount",
	"--no-push":                 "iappushkey",
	"--plain":                   "iappushkey",
	"--ssh-key-file":            "iapkeyfile",
	"--ssh-key-expire-after":    "iapkeylifetime",
	"--push-key":                "iappushkey",
	"--configuration":           "iapconfiguration",
	"--iap-tunnel-url-override": "", // as the next five, in commandLine.flags
	"--error-fd":                "",
	"--fail-code":               "",
	"--log-file":                "",
	"--log-format":              "",
	"--timing":                  "",

	"--region":                      "iapregion",
	"--network":                     "iapnetwork",
	"--dest-group":                  "iapdestgroup",
	"--audit-log":                   "iapauditlog",
	"--cloud-run":                   "iapcloudrun",
	"--project-number":              "iapprojectnumber",
	"--instance":                    "iapcloudruninstance",
	"--container":                   "iapcontainer",
	"--impersonate-service-account": "iapimpersonateserviceaccount",
	"--private-service-connect":     "iapprivateserviceconnect",
	"--reason":                      "iapreason",
	"--force-key-file-overwrite":    "iapoverwritekey",
	"--wait":                        "iapwait",
}

// longSwitches are those of longFlags that take no value, and the one that they set.
var longSwitches = map[string]string{"--no-push": "no", "--plain": "no", "--timing": "yes", "--force-key-file-overwrite": "yes"}

// longOptional are those of longFlags whose value can only be attached, and the one that they have without it.
var longOptional = map[string]string{"--wait": "5m"}

// Settings that no keyword makes. Like all that an option sets, they carry it as
// their position.
const (
	kwStdioForward = "-W"
	kwMuxCommand   = "-O"
)

// A commandLine is what ssh's grammar says beside the settings it makes.
type commandLine struct {
	host         string
	command      string
	hasCommand   bool
	userTyped    bool // -l, user@host: checked for dangerous characters
	configFile   string
	logFile      string
	version      bool              // -V: nothing else counts
	query        string            // -Q: nor here
	dump         bool              // -G
	syslog       bool              // -y
	flags        map[string]string // the long ones, by name
	optionsEnded bool              // "--" was seen
	debug        bool              // some -v was seen
	warnings     []string
}

// parseArgv reads argv in ssh's grammar. Options set ev's settings as they come,
// so that the first of -p and -o Port wins, as in ssh.
func parseArgv(argv []string, ev *evaluator) (commandLine, error) {
	c := commandLine{flags: map[string]string{}}
	if err := failedTunnel(argv); err != nil {
		return c, err
	}
	g := &getopt{argv: argv}
	if err := c.options(g, ev); err != nil || c.answers() {
		return c, err
	}
	if len(g.argv) == 0 {
		return c, &UsageError{Synopsis: true}
	}
	if err := c.destination(g.shift(), ev); err != nil {
		return c, err
	}
	if !c.optionsEnded {
		if err := c.options(g, ev); err != nil || c.answers() {
			return c, err
		}
	}
	if err := excludeEachOther(c.flags); err != nil {
		return c, err
	}
	for name, value := range c.flags {
		if keyword := longFlags[name]; keyword != "" {
			ev.settings[keyword] = setting{[]string{value}, position{file: name}}
		}
	}
	if user := ev.settings.word("user"); c.userTyped && !validUser(user) {
		return c, &UsageError{Text: "remote username contains invalid characters"}
	}
	if c.host == "" && !c.dump { // -G prints even that
		return c, &UsageError{Text: "hostname is empty", Synopsis: true}
	}
	if c.syslog && c.logFile != "" {
		return c, &UsageError{Text: "Can't specify both -y and -E"}
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

// failedTunnel says why a line with a tunnel flag is no tunnel's.
func failedTunnel(argv []string) error {
	for _, arg := range argv {
		if arg == "--" {
			break
		}
		if name, _, _ := strings.Cut(arg, "="); tunnelModes[name] != "" {
			if t := scanTunnel(argv); len(t.positionals) == 2 {
				return t.notHostPort(name)
			}
			return usage(name + " needs exactly HOST PORT beside its flags; a command with such a flag goes after --")
		}
	}
	return nil
}

// answers says that an option was met which ends the reading of others.
func (c *commandLine) answers() bool { return c.version || c.query != "" }

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
		if err := c.option(o, ev); err != nil || c.answers() {
			return err
		}
	}
}
