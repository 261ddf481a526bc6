package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A hop is one host of ProxyJump. Port 0 means that none was given.
type hop struct {
	user, host string
	port       int
}

// jump reads ProxyJump: the value is what follows the keyword, comment and all.
func jump(ports portOf, _ []string, text string) ([]string, []string, string) {
	text = strings.TrimLeft(text, blanks+"=")
	if _, _, ok := parseJump(ports, text, false); !ok {
		return nil, nil, fmt.Sprintf("Invalid ProxyJump \"%s\"", text)
	}
	return []string{text}, nil, ""
}

// parseJump reads ProxyJump or -J: hosts with commas between, the last of them
// the one that connects to the destination. before is the text of the others.
// What was typed is checked for dangerous characters too.
func parseJump(ports portOf, text string, typed bool) (last hop, before string, ok bool) {
	text, _, _ = strings.Cut(text, "#")
	text = strings.TrimRight(text, " \t\r\n\v\f")
	for i, word := range strings.Split(text, ",") {
		h, valid := parseHop(ports, word)
		if !valid || typed && (!validHostname(h.host) || !validUser(h.user)) {
			return hop{}, "", false
		}
		if i > 0 {
			before = text[:strings.LastIndexByte(text, ',')]
		}
		last = h
	}
	return last, before, true
}

// parseHop reads [user@]host[:port], a bracketed IPv6 address, or an ssh:// URI.
func parseHop(ports portOf, word string) (h hop, ok bool) {
	var port string
	if strings.HasPrefix(word, "ssh://") {
		if h.user, h.host, port, ok = parseURI(ports, word); !ok {
			return hop{}, false
		}
	} else {
		if at := strings.LastIndexByte(word, '@'); at >= 0 {
			if at == 0 {
				return hop{}, false
			}
			h.user, word = word[:at], word[at+1:]
		}
		if h.host, port, ok = cutHostPort(word); !ok || h.host == "" {
			return hop{}, false
		}
	}
	if port != "" {
		if h.port, ok = ports(port); !ok {
			return hop{}, false
		}
	}
	return h, true
}

// text is the hop as ssh -G prints it.
func (h hop) text() string {
	s := h.host
	if strings.Contains(s, ":") || strings.Trim(s, "0123456789.") == "" {
		s = "[" + s + "]"
	}
	if h.user != "" {
		s = h.user + "@" + s
	}
	if h.port > 0 {
		s += ":" + strconv.Itoa(h.port)
	}
	return s
}

// jumpTo makes the command line for the last hop: what ssh would pass on to the
// ssh that it starts for it, and the flags about IAP, which can only be meant for
// the host that IAP leads to: the first of the way.
func jumpTo(last hop, before string, line commandLine, level LogLevel) []string {
	var argv []string
	add := func(flag, value string) {
		if value != "" {
			argv = append(argv, flag, value)
		}
	}
	add("-l", last.user)
	if last.port > 0 {
		add("-p", strconv.Itoa(last.port))
	}
	add("-J", before)
	add("-F", line.configFile)
	if line.debug && level >= LogDebug1 {
		argv = append(argv, "-"+strings.Repeat("v", int(level-LogDebug1)+1))
	}
	for _, name := range slices.Sorted(maps.Keys(line.flags)) {
		if longFlags[name] != "" || name == "--iap-tunnel-url-override" {
			argv = append(argv, name+"="+line.flags[name])
		}
	}
	return append(argv, "--", last.host)
}

// jump obeys -J.
func (ev *evaluator) jump(o option) error {
	if _, set := ev.settings["proxyjump"]; set {
		return &UsageError{Text: "Only a single -J option is permitted (use commas to separate multiple jump hops)"}
	}
	if _, set := ev.settings["proxycommand"]; set {
		return &UsageError{Text: "Cannot specify -J with ProxyCommand"}
	}
	if _, _, ok := parseJump(ev.effects.port, o.arg, true); !ok {
		return &UsageError{Text: "Invalid -J argument"}
	}
	ev.set("proxyjump", nil, o.arg, position{file: "-J"}, true)
	return nil
}
