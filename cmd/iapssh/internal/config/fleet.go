package config

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Fleet is what a plan about all VMs of Plan.Projects says beside who asks.
type Fleet struct {
	Filter string // which of them, in Compute Engine's language; empty: all
	Zone   string // only these; empty: all
	Format string // of ModeList: "table", "json" or "ansible"; of ModeCompletion: "bash", "zsh", "fish" or "names"
	Host   string // of "ansible": the one host that is asked about; empty: all

	// Of ModeConfigSSH.
	ConfigFile string   // the user's ssh_config
	Args       []string // of each ProxyCommand: who asks, and how keys are given
	Remove     bool     // take away what was written
	DryRun     bool     // change nothing, and print what would be written
}

// InventoryProgram is the name that an inventory of Ansible's calls us by.
const InventoryProgram = "iapssh-inventory"

// whoFlags say who asks Google, by what way, and what is told of failures.
var whoFlags = map[string]flagKind{
	"--project":                     valueFlag,
	"--account":                     valueFlag,
	"--configuration":               valueFlag,
	"--impersonate-service-account": valueFlag,
	"--reason":                      valueFlag,
	"--private-service-connect":     valueFlag,
	"--verbosity":                   valueFlag,
	"--quiet":                       switchFlag,
	"--error-fd":                    valueFlag,
	"--fail-code":                   valueFlag,
	"--log-file":                    valueFlag,
	"--log-format":                  valueFlag,
	"-E":                            valueFlag,
}

// fleetFlags are those of each mode beside whoFlags.
var fleetFlags = map[Mode]map[string]flagKind{
	ModeList: {
		"--filter": valueFlag,
		"--zone":   valueFlag,
		"--json":   switchFlag,
		"--list":   switchFlag, // Ansible's
		"--host":   valueFlag,  // Ansible's
	},
	ModeCompletion: {},
	ModeConfigSSH: {
		"--filter":          valueFlag,
		"--remove":          switchFlag,
		"--dry-run":         switchFlag,
		"--ssh-config-file": valueFlag,
		"--ssh-key-file":    valueFlag,

		"-l":                     valueFlag,
		"--ssh-key-expire-after": valueFlag,
		"--push-key":             valueFlag,
		"--no-push":              switchFlag,
	},
}

// whoArgs are the flags that a ProxyCommand must repeat.
var whoArgs = []string{"--account", "--configuration", "--impersonate-service-account", "--private-service-connect",
	"--ssh-key-expire-after", "--push-key"}

// fleetFormats are the words behind the = of a mode's flag; the first is meant
// where there is none.
var fleetFormats = map[Mode][]string{
	ModeList:       {"table", "json", "ansible"},
	ModeCompletion: {"bash", "zsh", "fish", "names"},
}

// scanFleet reads a command line that is about many VMs. Its first word is the
// mode's flag.
func scanFleet(mode Mode, argv []string) tunnelLine {
	name, format, attached := strings.Cut(argv[0], "=")
	t := tunnelLine{program: name, mode: mode, flags: map[string]string{}}
	known := maps.Clone(whoFlags)
	maps.Copy(known, fleetFlags[mode])
	t.scan(argv[1:], known)
	formats := fleetFormats[mode]
	switch {
	case t.has("--json") && (!attached || format == "json"):
		format = "json"
	case t.has("--json"):
		t.problem = argv[0] + " and --json exclude each other"
	case !attached && mode == ModeList:
		format = formats[0]
	}
	t.flags[name] = format // whatever Ansible's own --list has left there
	switch {
	case len(t.positionals) > 0:
		t.problem = fmt.Sprintf("%s is about all VMs of a project: %q has no place there; a name or a label is for --filter", name, t.positionals[0])
	case formats == nil && attached:
		t.valueless = "option " + name + " takes no value"
	case formats != nil && !slices.Contains(formats, format):
		t.problem = name + " wants one of =" + strings.Join(formats, ", =")
	case t.has("--host") && format != "ansible":
		t.problem = "--host is Ansible's question, for --list=ansible"
	}
	return t
}

// resolveFleet makes the plan. ssh_config is not read: it is about hosts, one at a
// time.
func resolveFleet(ctx context.Context, line tunnelLine, effects Effects) (Plan, error) {
	p := Plan{Mode: line.mode, Original: line.program, Route: RouteIAP, RouteReason: line.program}
	if err := line.talk(&p, effects); err != nil {
		return p, err
	}
	if err := line.check(); err != nil {
		return p, err
	}
	me, err := localFacts(effects)
	if err != nil {
		return p, err
	}
	given := line.target()
	if err := p.fillGoogle(effects, me.home, given); err != nil {
		return p, err
	}
	p.Fleet = Fleet{Filter: line.flags["--filter"], Zone: given.zone, Format: line.flags[line.program], Host: line.flags["--host"]}
	if p.Mode == ModeConfigSSH {
		if err := p.configSSH(line, me); err != nil || p.Fleet.Remove {
			return p, err
		}
	}
	if p.Mode == ModeCompletion {
		effects.ProjectHere = nil // nobody waits for the network at each key
	}
	b := builder{ctx: ctx, effects: effects}
	p.Projects, err = projectList(b.projects(&p, given))
	if err == nil && len(p.Projects) == 0 && p.Mode != ModeCompletion {
		err = &MissingError{What: "project", Host: p.Original, Fix: "give --project=PROJECT[,PROJECT...], or run: gcloud config set project PROJECT"}
	}
	return p, err
}

// configSSH sets what --config-ssh says besides.
func (p *Plan) configSSH(line tunnelLine, me local) error {
	if err := p.handKeyTo(me, line.keySettings()); err != nil {
		return err
	}
	p.Fleet.ConfigFile = first(line.flags["--ssh-config-file"], p.SSHDir+"/config")
	if rest, ok := strings.CutPrefix(p.Fleet.ConfigFile, "~/"); ok {
		p.Fleet.ConfigFile = me.home + "/" + rest
	}
	p.Fleet.Remove, p.Fleet.DryRun = line.has("--remove"), line.has("--dry-run")
	for _, name := range whoArgs {
		if line.has(name) {
			p.Fleet.Args = append(p.Fleet.Args, name+"="+line.flags[name])
		}
	}
	if line.has("--no-push") {
		p.Fleet.Args = append(p.Fleet.Args, "--push-key=no")
	}
	return nil
}

// IsProject says that a word is the name of a project, be it of a domain.
func IsProject(word string) bool { return projectID.MatchString(word) }

var projectID = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z0-9][a-z0-9-]*$`)

// projectList cuts at commas.
func projectList(given []string) ([]string, error) {
	var projects []string
	for _, project := range strings.Split(strings.Join(given, ","), ",") {
		project = strings.TrimSpace(project)
		switch {
		case project == "" || slices.Contains(projects, project):
		case !IsProject(project):
			return nil, usage(fmt.Sprintf("%q is not the name of a project", project))
		default:
			projects = append(projects, project)
		}
	}
	return projects, nil
}
