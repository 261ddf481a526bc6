package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A setting is the value that a keyword has got, and where from.
type setting struct {
	value []string
	at    position
}

// A position is a line of a file, or a flag of the command line.
type position struct {
	file string // "command-line" for -o; a flag with its dashes
	line int
}

func (p position) String() string {
	if p.isFlag() || p.file == "" {
		return p.file
	}
	return fmt.Sprintf("%s line %d", p.file, p.line)
}

func (p position) isFlag() bool { return strings.HasPrefix(p.file, "-") }

// settings is what has been decided so far. The first value of a keyword wins.
type settings map[string]setting

func (s settings) word(name string) string {
	if v := s[name].value; len(v) > 0 {
		return v[0]
	}
	return ""
}

// isGiven says that a keyword has a value, and one that is not "none".
func (s settings) isGiven(name string) bool {
	v := s.word(name)
	return v != "" && !strings.EqualFold(v, "none")
}

func (s settings) flag(name string, otherwise bool) bool {
	if v := s.word(name); v != "" {
		return v == "yes"
	}
	return otherwise
}

func (s settings) integer(name string, otherwise int) int {
	if n, err := strconv.Atoi(s.word(name)); err == nil {
		return n
	}
	return otherwise
}

func lookup(name string) (keyword, bool) {
	if canonical, ok := aliases[name]; ok {
		name = canonical
	}
	k, ok := keywords[name]
	return k, ok
}

// set reads the arguments of a keyword and, where active, keeps the value. It
// returns what is wrong with them.
func (ev *evaluator) set(name string, args []string, text string, at position, active bool) (complaint string) {
	k, _ := lookup(name)
	if canonical, ok := aliases[name]; ok {
		name = canonical
	}
	value, complaint := ev.read(name, k, args, text)
	if complaint != "" || !active || len(value) == 0 {
		return complaint
	}
	return ev.keep(name, k, value, at)
}

// read reads the arguments of a keyword. No value and no complaint means that the
// line leaves the keyword unset.
func (ev *evaluator) read(name string, k keyword, args []string, text string) (value []string, complaint string) {
	if k.env {
		for i, arg := range args {
			expanded, err := expander{env: ev.effects.LookupEnv}.expand(arg)
			if err != nil {
				return nil, "Bad forwarding specification."
			}
			args[i] = expanded
		}
	}
	var rest []string
	if k.ports != nil {
		value, rest, complaint = k.ports(ev.effects.port, args, text)
	} else {
		value, rest, complaint = k.read(args, text)
	}
	if complaint != "" {
		return nil, strings.Replace(complaint, "KEYWORD", name, 1)
	}
	if len(rest) > 0 {
		return nil, fmt.Sprintf("keyword %s extra arguments at end of line", name)
	}
	return value, ""
}

// keep sets a keyword, where it is not set already or has room for more values.
func (ev *evaluator) keep(name string, k keyword, value []string, at position) (complaint string) {
	old, set := ev.settings[name]
	since := at // where an accumulating keyword was first set
	if set {
		since = old.at
	}
	switch {
	case name == "proxyjump" && !ev.mayJump(value[0]):
		return ""
	case k.appends:
		limit := maxCollected
		if name == "identityfile" || name == "certificatefile" {
			limit = maxIdentities
		}
		for _, v := range value {
			old.value = collect(name, old.value, v)
		}
		if len(old.value) > limit {
			return fmt.Sprintf("Too many %s specified (max %d).", name, limit)
		}
		ev.settings[name] = setting{old.value, since}
	case !set:
		ev.settings[name] = setting{value, at}
	case name == "rekeylimit" && len(old.value) == 1 && len(value) == 2:
		ev.settings[name] = setting{[]string{old.value[0], value[1]}, since} // the time may come later
	}
	if !set && k.effect == ignored {
		ev.ignored = append(ev.ignored, Ignored{Keyword: name, Where: at.String()})
	}
	return ""
}

// mayJump says whether a ProxyJump is kept: ProxyJump and ProxyCommand exclude
// each other, and the first wins.
func (ev *evaluator) mayJump(value string) bool {
	if _, jumped := ev.settings["proxyjump"]; jumped {
		return false
	}
	_, commanded := ev.settings["proxycommand"]
	if !commanded && !strings.EqualFold(value, "none") {
		ev.settings["proxycommand"] = setting{value: []string{"none"}}
	}
	return !commanded
}

// collect adds a value that is not there yet. SendEnv's may repeat, and one that
// begins with "-" removes those before it that it matches.
func collect(name string, have []string, value string) []string {
	if name == "sendenv" {
		if remove, ok := strings.CutPrefix(value, "-"); ok {
			return slices.DeleteFunc(have, func(p string) bool { return matchPattern(p, remove) })
		}
		return append(have, value)
	}
	if slices.Contains(have, value) {
		return have
	}
	return append(have, value)
}
