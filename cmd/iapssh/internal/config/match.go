package config

import (
	"net/netip"
	"strings"
)

// OpenSSHRelease is the release whose behaviour we follow: what "Match version"
// is compared with, and what -V must say for the programs that look.
const OpenSSHRelease = "OpenSSH_10.0"

// host sets the scope's state from a Host line: some pattern matches, and no
// negated one does.
func (ev *evaluator) host(sc *scope, args []string, complain func(string, ...any) error) error {
	sc.active = false
	name := ev.original
	if ev.final {
		name = ev.currentHost() // what the first pass made of it
	}
	for _, pattern := range args {
		if pattern == "" {
			return complain("keyword host empty argument")
		}
		if sc.parse {
			break
		}
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !matchPattern(name, pattern) {
			continue
		}
		if negated {
			sc.active = false
			break
		}
		sc.active = true
	}
	return nil
}

// match says whether all criteria of a Match line hold. Every line is checked to
// its end; commands are run only while the criteria before them hold.
func (ev *evaluator) match(args []string, complain func(string, ...any) error) (bool, error) {
	bad := func(format string, a ...any) (bool, error) {
		return false, complain("Bad Match condition: "+format, a...)
	}
	holds, criteria := true, 0
	for i := 0; i < len(args); {
		typed := args[i]
		i++
		name, negated := strings.CutPrefix(typed, "!")
		if lower(name) == "all" {
			// One criterion may stand before it: "final all", "canonical all".
			if criteria > 1 || i < len(args) && args[i] != "" {
				return bad("'%s' cannot be combined with other Match attributes", typed)
			}
			return holds && !negated, nil
		}
		criteria++
		if is := lower(name); is == "final" || is == "canonical" {
			if is == "final" {
				ev.wantFinal = true // negated or not
			}
			holds = holds && ev.final != negated
			continue
		}
		name, arg, attached := strings.Cut(name, "=")
		if !attached {
			if i == len(args) {
				return bad("missing argument for Match '%s'", typed)
			}
			arg = args[i]
			i++
		}
		name = lower(name)
		if arg == "" && name != "tagged" && name != "command" {
			return bad("Missing Match criteria for %s", name)
		}
		result, err := ev.criterion(name, arg, holds, bad)
		if err != nil {
			return false, err
		}
		holds = holds && result != negated
	}
	if criteria == 0 {
		return bad("One or more attributes required for Match")
	}
	return holds, nil
}

// criterion says whether one criterion with an argument holds.
func (ev *evaluator) criterion(name, arg string, run bool, bad func(string, ...any) (bool, error)) (bool, error) {
	// "tagged" and "command" are the two that an empty argument can match.
	listOrEmpty := func(s string) bool {
		if s == "" {
			return arg == ""
		}
		return matchList(s, arg)
	}
	switch name {
	case "host":
		return matchHostList(ev.currentHost(), arg), nil
	case "originalhost":
		return matchHostList(ev.original, arg), nil
	case "user":
		return matchList(first(ev.settings.word("user"), ev.me.user), arg), nil
	case "localuser":
		return matchList(ev.me.user, arg), nil
	case "version":
		return matchList(OpenSSHRelease, arg), nil
	case "tagged":
		return listOrEmpty(ev.settings.word("tag")), nil
	case "command":
		return listOrEmpty(ev.command), nil
	case "sessiontype":
		return matchList(ev.sessionKind(), arg), nil
	case "localnetwork":
		return ev.onNetwork(arg, bad)
	case "exec":
		command, err := expander{tokens: ev.connection().tokens()}.expand(arg)
		if err != nil {
			return bad("failed to expand match exec '%s': %v", arg, err)
		}
		if !run {
			return false, nil
		}
		status, err := ev.effects.Exec(ev.ctx, command)
		if err != nil {
			_, err := bad("match exec '%s' error: %v", command, err)
			return false, &stopError{err}
		}
		return status == 0, nil
	}
	return bad("Unsupported Match attribute %s", name)
}

// sessionKind is what "Match sessiontype" compares with.
func (ev *evaluator) sessionKind() string {
	switch kind := ev.settings.word("sessiontype"); {
	case kind == "subsystem", kind == "none":
		return kind
	case ev.command != "":
		return "exec"
	}
	return "shell"
}

// onNetwork says whether an address of ours lies in one of the networks.
func (ev *evaluator) onNetwork(list string, bad func(string, ...any) (bool, error)) (bool, error) {
	var nets []netip.Prefix
	for _, text := range strings.Split(list, ",") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err2 := netip.ParseAddr(text)
			if err2 != nil {
				return bad("Invalid network entry \"%s\"", text)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix != prefix.Masked() {
			return bad("Inconsistent mask length for match network \"%s\"", text)
		}
		nets = append(nets, prefix)
	}
	addrs, err := ev.effects.Interfaces()
	if err != nil {
		return false, nil // OpenSSH says so and goes on
	}
	for _, addr := range addrs {
		for _, prefix := range nets {
			if prefix.Contains(addr.Unmap().WithZone("")) {
				return true, nil
			}
		}
	}
	return false, nil
}
