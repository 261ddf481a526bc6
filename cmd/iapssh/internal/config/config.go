// Package config turns a command line, ssh_config, gcloud's configuration and
// the environment into a Plan: one plain value that says what to do.
//
// Resolve is the way in. What it sees of the outside comes through Effects, so
// that every rule here can be tested as a table. The tour:
//
//   - mode.go decides from the arguments alone which grammar they are in;
//     tunnelline.go reads that of tunnels, iapproxy.go that program's; stdio.go
//     and tunnel.go make plans of them, fleet.go those that are about all VMs of a
//     project, and keys.go has what both say of keys. gcloudline.go reads gcloud's
//     own command line by the flags of gcloudflags.go, gcloudssh.go makes ssh's of
//     its compute ssh (gcloudtime.go reads times), gcloudconfigssh.go ours of its
//     config-ssh.
//     getopt.go, argv.go and options.go read ssh's; destination.go reads
//     [user@]host and ssh:// URIs. usage.go is what --help says.
//   - lexer.go cuts a configuration file into directives; evaluate.go walks
//     them as OpenSSH does, include.go the files they include; settings.go
//     keeps what they say, the first value of a keyword winning;
//     match.go says whether a Host or Match line holds, by the patterns of
//     pattern.go; keywords.go is the table of keywords, values.go, numbers.go,
//     amounts.go, algorithms.go, forward.go, agent.go and jump.go read their
//     arguments; tokens.go expands %h, ${ENV} and ~; canonical.go is
//     CanonicalizeHostname.
//   - dump.go prints the settings as ssh -G does, each as dumpvalues.go has it.
//   - refuse.go names what must not be ignored while it is not built, and what a
//     plan lacks.
//   - gcloud.go reads gcloud's active configuration, certificate.go and
//     gcloudproxy.go what it says of our certificate and of proxies; google.go puts
//     what is Google's into a Plan.
//   - proxycommand.go recognises ProxyCommand lines that lead through IAP,
//     shell.go splits them into words.
//   - route.go decides whether a host is reached through IAP, as a pure function
//     over facts; way.go gathers the facts, aim.go aims at the target; session.go
//     puts all of it into a Plan, authentication.go, hosttrust.go, sharing.go and
//     forwarding.go a part of it each, with the builder of builder.go. plan.go is
//     the Plan, target.go what IAP leads to, loglevel.go how much is told,
//     failing.go whom programs want to be told of failures.
//   - effects.go is what is seen of the outside, local.go what that says of this
//     machine and its user; errors.go is what can be wrong.
//
// Precedence is the same everywhere: flag, -o, ssh_config, CLOUDSDK_*
// environment, gcloud configuration, metadata server.
//
// Where OpenSSH has a rule, ssh_config(5) and ssh(1) are the specification, and
// the tests compare with the installed ssh -G; reasons in differential_test.go
// lists where its answer differs. Other known differences: ~ is $HOME where set;
// an ssh:// URI may hold an IPv6 literal in brackets; lines and files have a limit;
// -G looks no name up.
package config

import "context"

// Resolve decides everything that the command line, the files and the environment
// can tell. program is the name we were called by.
//
// Errors are *UsageError, *ConfigError (several may be joined) and
// *UnsupportedError, or what ctx says; ssh's exit status for each is 255.
//
// Of the plan beside an error only Mode, Failing and Speaker count.
func Resolve(ctx context.Context, program string, argv []string, effects Effects) (Plan, error) {
	plan, err := resolve(ctx, program, argv, effects)
	if err != nil && plan.Failing == (Failing{}) {
		plan.Failing.File, _ = effects.LookupEnv(envErrorFile)
	}
	return plan, err
}

func resolve(ctx context.Context, program string, argv []string, effects Effects) (Plan, error) {
	mode, line := modeOf(program, argv)
	switch mode {
	case ModeVersion, ModeHelp:
		return Plan{Mode: mode}, nil
	case ModeExplain:
		return Plan{Mode: mode, Query: argv[1]}, nil
	case ModeStdio:
		return resolveStdio(ctx, line, effects)
	case ModeDoctor:
		return resolveDoctor(ctx, argv, effects)
	case ModeHostKeys, ModePlan:
		return resolveEach(ctx, mode, argv, effects)
	case ModeForget:
		return resolveForget(argv[1:])
	case ModeList, ModeConfigSSH, ModeCompletion:
		return resolveFleet(ctx, line, effects)
	case ModeTunnel:
		return resolveTunnel(ctx, line, effects)
	case modeGCloud:
		return resolveGCloud(ctx, program, argv[1:], effects)
	default:
		return resolveSession(ctx, argv, effects)
	}
}
