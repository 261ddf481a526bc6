package config

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// destination reads [user@]host or ssh://[user@]host[:port][/].
func (c *commandLine) destination(word string, ev *evaluator) error {
	user, host, port := "", word, ""
	if strings.HasPrefix(word, "ssh://") {
		var ok bool
		if user, host, port, ok = parseURI(ev.effects.port, word); !ok {
			return &UsageError{Synopsis: true}
		}
	} else if at := strings.LastIndexByte(word, '@'); at >= 0 {
		if at == 0 {
			return &UsageError{Synopsis: true}
		}
		user, host = word[:at], word[at+1:]
	}
	c.host, ev.original = host, host
	if user != "" && ev.settings.word("user") == "" {
		ev.settings["user"] = setting{[]string{user}, position{file: "command-line"}}
		c.userTyped = true
	}
	if port != "" && ev.settings.word("port") == "" {
		ev.settings["port"] = setting{[]string{port}, position{file: "command-line"}}
	}
	return nil
}

// resolveEach makes a plan for each of the VMs that follow a mode's flag. Options before, between and after them go for all.
func resolveEach(ctx context.Context, mode Mode, argv []string, effects Effects) (Plan, error) {
	p := Plan{Mode: mode}
	var options, names []string
	for rest := argv[1:]; len(rest) > 0; rest = rest[1:] {
		word := rest[0]
		flag, _, _ := strings.Cut(word, "=")
		switch {
		case mode == ModeDoctor && (flag == "--wait" || flag == "--timing"):
			return p, usage(flag + " and " + argv[0] + " exclude each other")
		case !strings.HasPrefix(word, "-"):
			names = append(names, word)
		case wantsNext(word) && len(rest) > 1:
			options = append(options, word, rest[1])
			rest = rest[1:]
		default:
			options = append(options, word)
		}
	}
	if len(names) == 0 {
		return p, usage(argv[0] + " wants the name of a VM")
	}
	for _, name := range names {
		one, err := resolveSession(ctx, append(slices.Clone(options), name), effects)
		if err != nil {
			return p, err
		}
		one.Mode = p.Mode
		p.Each = append(p.Each, one)
		p.LogLevel, p.LogFile = one.LogLevel, one.LogFile
	}
	return p, nil
}

// resolveDoctor makes a plan for the one VM that --doctor is about.
func resolveDoctor(ctx context.Context, argv []string, effects Effects) (Plan, error) {
	words := slices.DeleteFunc(slices.Clone(argv), func(word string) bool { return word == "--json" })
	words = append(words, "-o", "IAP=yes") // unless something else was said before
	p, err := resolveEach(ctx, ModeDoctor, words, effects)
	if p.JSON = slices.Contains(argv, "--json"); err == nil && len(p.Each) != 1 {
		err = usage(argv[0] + " is about one VM at a time")
	}
	return p, err
}

// resolveForget reads the names of VMs after --forget.
func resolveForget(names []string) (Plan, error) {
	p := Plan{Mode: ModeForget}
	for _, name := range names {
		t, _, ok := instanceForm(name)
		if !ok {
			t = Target{Instance: name}
		}
		if !instanceName.MatchString(t.Instance) {
			return p, usage(fmt.Sprintf("--forget takes names of VMs, and %q is none", name))
		}
		p.VMs = append(p.VMs, t)
	}
	return p, nil
}

// parseURI reads an ssh:// URI. A path beyond "/" is refused, as are user
// parameters left in place: what follows ";" in the user is dropped.
func parseURI(ports portOf, uri string) (user, host, port string, ok bool) {
	rest := strings.TrimPrefix(uri, "ssh://")
	if before, after, found := strings.Cut(rest, "@"); found {
		before, _, _ = strings.Cut(before, ";")
		decoded, err := url.QueryUnescape(before)
		if err != nil || decoded == "" || strings.Contains(decoded, "\x00") {
			return "", "", "", false
		}
		user, rest = decoded, after
	}
	rest = strings.TrimSuffix(rest, "/")
	if strings.Contains(rest, "/") {
		return "", "", "", false
	}
	if inner, after, found := strings.Cut(rest, "]"); found && strings.HasPrefix(inner, "[") {
		host, port = inner[1:], after
		if port != "" && port[0] != ':' {
			return "", "", "", false
		}
	} else if i := strings.IndexByte(rest, ':'); i >= 0 {
		host, port = rest[:i], rest[i:]
	} else {
		host = rest
	}
	if badDomain(host) != "" && !strings.HasPrefix(rest, "[") {
		return "", "", "", false
	}
	port = strings.TrimPrefix(port, ":")
	if n, known := ports(port); known {
		port = strconv.Itoa(n)
	} else if port != "" {
		return "", "", "", false
	}
	return user, host, port, host != ""
}

// validHostname refuses names that a shell or an option parser could take for
// something else: they end up in %h.
func validHostname(s string) bool {
	return !strings.HasPrefix(s, "-") && !strings.ContainsAny(s, "'`\"$\\;&<>|(){},") &&
		!strings.ContainsFunc(s, spaceOrControl)
}

// validUser is the same for %r.
func validUser(s string) bool {
	if strings.HasPrefix(s, "-") || strings.HasSuffix(s, `\`) || strings.ContainsAny(s, "'`\";&<>|(){}") {
		return false
	}
	for i, c := range s {
		if c < ' ' || c == 0x7f || c == ' ' && strings.HasPrefix(s[i+1:], "-") {
			return false
		}
	}
	return true
}

func spaceOrControl(c rune) bool { return c <= ' ' || c == 0x7f }
