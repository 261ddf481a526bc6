package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A reader checks the arguments of a keyword and brings them to one form. text
// is the line after the keyword, for the few that take it whole. No value and
// no error means that the line leaves the keyword unset. rest is what it did
// not want: OpenSSH calls that an error, but only after it has complained of
// what it did want.
//
// Complaints are OpenSSH's, without file and line; KEYWORD stands for the name.
type reader func(args []string, text string) (value, rest []string, complaint string)

var flagStates = []string{"yes", "yes", "true", "yes", "no", "no", "false", "no"}

// states reads one of several names without regard to case. The arguments are
// pairs: a name, and what it means.
func states(base []string, more ...string) reader {
	pairs := append(append([]string{}, base...), more...)
	return func(args []string, _ string) ([]string, []string, string) {
		if len(args) == 0 || args[0] == "" {
			return nil, nil, "missing argument."
		}
		for i := 0; i < len(pairs); i += 2 {
			if lower(args[0]) == pairs[i] {
				return []string{pairs[i+1]}, args[1:], ""
			}
		}
		return nil, nil, fmt.Sprintf("unsupported option \"%s\".", args[0])
	}
}

// oneOf reads one of several names that mean themselves.
func oneOf(names ...string) reader {
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, name, name)
	}
	return states(pairs)
}

func flag(args []string, text string) ([]string, []string, string) {
	return states(flagStates)(args, text)
}

func iapChoice(args []string, text string) ([]string, []string, string) {
	return states(flagStates, "auto", "auto", "internal", "internal", "external", "external", "fallback", "fallback")(args, text)
}

// cloudRunType reads a type of workload, as gcloud's commands name them or as the
// relay does.
func cloudRunType(args []string, text string) ([]string, []string, string) {
	return states([]string{"service", "service", "job", "job", "worker-pool", "worker_pool", "worker_pool", "worker_pool", "instance", "instance"})(args, text)
}

// agentPath reads a socket's path, which may name a variable.
func agentPath(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, missingArgument
	}
	arg := args[0]
	if name, isName := strings.CutPrefix(arg, "$"); isName && !strings.HasPrefix(name, "{") && !validEnvName(name) {
		return nil, nil, fmt.Sprintf("Invalid environment name %s.", arg)
	}
	return args[:1], args[1:], ""
}

func validEnvName(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// forwardAgent reads yes, no or a path as IdentityAgent has it.
func forwardAgent(args []string, text string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, "missing argument."
	}
	if value, rest, complaint := flag(args, text); complaint == "" {
		return value, rest, ""
	}
	return agentPath(args, text)
}

// fingerprintHash reads the name of a digest.
func fingerprintHash(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, missingArgument
	}
	switch name := lower(args[0]); name {
	case "md5", "sha1", "sha256", "sha384", "sha512":
		return []string{name}, args[1:], ""
	}
	return nil, nil, fmt.Sprintf("Invalid hash algorithm \"%s\".", args[0])
}

// facility reads SyslogFacility.
func facility(args []string, _ string) ([]string, []string, string) {
	name := "<NONE>"
	if len(args) > 0 {
		name = args[0]
	}
	for _, known := range strings.Fields("DAEMON USER AUTH AUTHPRIV LOCAL0 LOCAL1 LOCAL2 LOCAL3 LOCAL4 LOCAL5 LOCAL6 LOCAL7") {
		if strings.EqualFold(name, known) {
			return []string{known}, args[1:], ""
		}
	}
	return nil, nil, fmt.Sprintf("unsupported log facility '%s'", name)
}

// someWords reads one word or more, each kept.
func someWords(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || slices.Contains(args, "") {
		return nil, nil, missingArgument
	}
	return args, nil, ""
}

func anything([]string, string) ([]string, []string, string) { return []string{""}, nil, "" }

const (
	missingArgument = "Missing argument."
	noneAlone       = "keyword KEYWORD \"none\" argument must appear alone."
)

func word(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, missingArgument
	}
	return args[:1], args[1:], ""
}

// list reads all arguments. "none" is one of them, and only alone.
func list(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 {
		return nil, nil, ""
	}
	for _, arg := range args {
		if arg == "" {
			return nil, nil, "keyword KEYWORD empty argument"
		}
		if lower(arg) == "none" && len(args) > 1 {
			return nil, nil, noneAlone
		}
	}
	return args, nil, ""
}

// firstOfList checks all arguments and keeps the first, as OpenSSH happens to do.
func firstOfList(args []string, text string) ([]string, []string, string) {
	value, rest, complaint := list(args, text)
	return value[:min(1, len(value))], rest, complaint
}

// someList is list for the keywords that must have an argument.
func someList(args []string, text string) ([]string, []string, string) {
	if len(args) == 0 {
		return nil, nil, "no KEYWORD specified"
	}
	return list(args, text)
}

// restOfLine reads a command, comments and quotes included.
func restOfLine(_ []string, text string) ([]string, []string, string) {
	return []string{strings.TrimLeft(text, blanks+"=")}, nil, ""
}

// escapeChar reads one byte, ^ and a letter, or none.
func escapeChar(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, missingArgument
	}
	c, ok := parseEscape(args[0])
	if !ok {
		return nil, nil, "Bad escape character."
	}
	return []string{strconv.Itoa(c)}, args[1:], ""
}

func parseEscape(s string) (int, bool) {
	switch {
	case s == "none":
		return NoEscape, true
	case len(s) == 1:
		return int(s[0]), true
	case len(s) == 2 && s[0] == '^' && 64 <= s[1] && s[1] < 128:
		return int(s[1] & 31), true
	}
	return 0, false
}

func sendEnv(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 {
		return nil, nil, "no SendEnv specified"
	}
	for _, arg := range args {
		if arg == "" || strings.Contains(arg, "=") {
			return nil, nil, "Invalid environment name."
		}
	}
	return args, nil, ""
}

// setEnv reads NAME=VALUE pairs; the first of a name on the line counts.
func setEnv(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 {
		return nil, nil, "no SetEnv specified"
	}
	seen := map[string]bool{}
	var pairs []string
	for _, arg := range args {
		name, _, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, nil, "Invalid SetEnv."
		}
		if !seen[name] {
			seen[name] = true
			pairs = append(pairs, arg)
		}
	}
	return pairs, nil, ""
}

func logLevel(args []string, _ string) ([]string, []string, string) {
	name := "<NONE>"
	if len(args) > 0 {
		name = args[0]
	}
	if lower(name) == "debug1" {
		return []string{LogDebug1.String()}, args[1:], ""
	}
	for _, known := range logLevelNames {
		if strings.EqualFold(name, known) {
			return []string{known}, args[1:], ""
		}
	}
	return nil, nil, fmt.Sprintf("unsupported log level '%s'", name)
}
