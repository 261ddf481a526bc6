package config

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A gcloudLine is a command line of gcloud's taken apart: flags anywhere, also
// between the words of the command.
type gcloudLine struct {
	track    string            // "alpha", "beta" or "preview"; empty: none
	command  string            // one of gcloudCommands, or what else the first two words are
	args     []string          // its positionals
	rest     []string          // what stands behind "--"
	flags    map[string]string // the last value of each; a switch's is "true" or "false"
	sshFlags []string          // the values of --ssh-flag
	problem  string            // the first thing that gcloud would not take, in its words
}

// parseGCloud takes a command line apart. It never fails: see problem.
func parseGCloud(argv []string) gcloudLine {
	g := gcloudLine{flags: map[string]string{}}
	var words, met []string
	for len(argv) > 0 {
		arg := argv[0]
		argv = argv[1:]
		if arg == "--" {
			g.rest = argv
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			words = append(words, arg)
			continue
		}
		var name string
		if name, argv = g.flag(arg, argv); name != "" {
			met = append(met, name)
		}
	}
	g.name(words)
	for _, name := range met {
		if _, ours := gcloudCommands[g.command]; ours && !hasFlag(gcloudCommands[g.command], name) {
			g.problem = first(g.problem, "unrecognized arguments: "+name)
		}
	}
	return g
}

// flag takes one flag, with the argument behind it if that is its value. It returns
// the flag's name, empty if nothing was taken, and the arguments that are left.
func (g *gcloudLine) flag(arg string, rest []string) (name string, left []string) {
	written, value, attached := strings.Cut(arg, "=")
	name, kind, off := findGCloudFlag(written)
	switch {
	case name == "":
		g.problem = first(g.problem, "unrecognized arguments: "+arg)
		return "", rest
	case kind == switchFlag:
		if value = cmp.Or(lower(value), "true"); value != "true" && value != "false" || attached && off {
			g.problem = first(g.problem, "argument "+name+": ignored explicit argument '"+value+"'")
		}
		if off {
			value = "false"
		}
	case !attached:
		if len(rest) == 0 {
			g.problem = first(g.problem, "argument "+name+": expected one argument")
			return "", nil
		}
		value, rest = rest[0], rest[1:]
	}
	g.flags[name] = value
	if name == "--ssh-flag" {
		g.sshFlags = append(g.sshFlags, value)
	}
	return name, rest
}

// name finds the command in the words that are no flags.
func (g *gcloudLine) name(words []string) {
	if len(words) > 0 && slices.Contains([]string{"alpha", "beta", "preview"}, words[0]) {
		g.track, words = words[0], words[1:]
	}
	n := min(2, len(words))
	g.command, g.args = strings.Join(words[:n], " "), words[n:]
}

// on says that a switch is on.
func (g gcloudLine) on(name string) bool { return g.flags[name] == "true" }

// has says that a flag was given.
func (g gcloudLine) has(name string) bool { _, given := g.flags[name]; return given }

// speaker is the command, as it names itself in errors.
func (g gcloudLine) speaker() string {
	words := append([]string{"gcloud", g.track}, strings.Fields(g.command)...)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ".")
}

// notForGCloud are flags that are read and not obeyed, since to overlook them would
// do what was not wanted, with a way round.
var notForGCloud = []struct{ flag, fix string }{
	{"--iap-tunnel-insecure-disable-websocket-cert-check", "it would give your access token to whoever answers; name the CA instead: gcloud config set core/custom_ca_certs_file FILE"},
	{"--security-gateway", "a security gateway is another service than IAP's tunnel, and its clients are gcloud's alpha only"},
	{"--use-dest-group", "it belongs to --security-gateway"},
	{"--flags-file", "give its flags on the command line"},
}

// resolveGCloud makes the plan of what follows --gcloud.
func resolveGCloud(ctx context.Context, program string, argv []string, effects Effects) (Plan, error) {
	g := parseGCloud(argv)
	if _, ours := gcloudCommands[g.command]; !ours {
		return Plan{Speaker: g.speaker()}, g.unknownCommand()
	}
	if g.has("--help") || g.has("-h") {
		return Plan{Mode: ModeHelp}, nil
	}
	failed := Plan{Mode: ModeTunnel, Speaker: g.speaker()}
	for _, n := range notForGCloud {
		if g.has(n.flag) {
			return failed, &UnsupportedError{Option: n.flag, Fix: n.fix}
		}
	}
	effects.LookupEnv = g.environment(effects.LookupEnv)
	switch g.command {
	case "compute ssh":
		return resolveComputeSSH(ctx, program, g, effects)
	case "compute config-ssh":
		return resolveConfigSSH(ctx, g, effects)
	}
	line := g.tunnelLine()
	if line.mode == ModeStdio {
		return resolveStdio(ctx, line, effects)
	}
	return resolveTunnel(ctx, line, effects)
}

// unknownCommand says which commands there are.
func (g gcloudLine) unknownCommand() error {
	known := strings.Join(slices.Sorted(maps.Keys(gcloudCommands)), ", ")
	if g.command == "" {
		return usage("--gcloud wants one of these commands of gcloud's: " + known)
	}
	return usage(fmt.Sprintf("--gcloud does not take %q, but these commands of gcloud's: %s", g.command, known))
}

// propertyFlags are flags that stand for a property of gcloud's, and so for its
// variable.
var propertyFlags = map[string]string{
	"--access-token-file": variable("auth", "access_token_file"),
	"--billing-project":   variable("billing", "quota_project"),
}

// environment is the one in which the flags that are properties have been set.
func (g gcloudLine) environment(lookup func(string) (string, bool)) func(string) (string, bool) {
	set := map[string]string{}
	for flag, name := range propertyFlags {
		if value, given := g.flags[flag]; given {
			set[name] = value
		}
	}
	return func(name string) (string, bool) {
		if value, ok := set[name]; ok {
			return value, true
		}
		return lookup(name)
	}
}

// tunnelLine is the line of a tunnel in the grammar that all tunnels share.
func (g gcloudLine) tunnelLine() tunnelLine {
	t := tunnelLine{program: "gcloud", mode: ModeTunnel, flags: map[string]string{}, speaker: g.speaker(), problem: g.problem,
		positionals: slices.Concat(g.args, g.rest)}
	for name, value := range g.flags {
		if kind, _ := anyGCloudFlag(name); kind == valueFlag || value == "true" {
			t.flags[name] = value
		}
	}
	if g.flags["--user-output-enabled"] == "false" {
		t.flags["--no-user-output-enabled"] = ""
	}
	if t.has("--listen-on-stdin") {
		t.mode = ModeStdio
	}
	switch {
	case t.problem != "":
	case len(t.positionals) < 2:
		t.problem = "argument " + strings.Join([]string{"INSTANCE_NAME", "INSTANCE_PORT"}[len(t.positionals):], " ") + ": Must be specified."
	case len(t.positionals) > 2:
		t.problem = "unrecognized arguments: " + strings.Join(t.positionals[2:], " ")
	case !t.isHostPort():
		t.problem = "argument INSTANCE_PORT: Value must be a number from 1 to 65535; received: " + t.positionals[1]
	}
	return t
}
