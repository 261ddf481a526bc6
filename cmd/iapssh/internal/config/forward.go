package config

import (
	"fmt"
	"strconv"
	"strings"
)

// A forwarding, as ssh -G prints one end of it: PORT, [HOST]:PORT or a path. The
// two ends stand in one setting with endsMark between.
const endsMark = "\n"

// maxForward is what OpenSSH keeps of an argument of LocalForward.
const maxForward = 255

// forwards reads the arguments of LocalForward, RemoteForward and
// DynamicForward: one end each.
func forwards(kind ForwardKind) portReader {
	return func(ports portOf, args []string, _ string) ([]string, []string, string) {
		if len(args) == 0 || args[0] == "" {
			return nil, nil, missingArgument
		}
		spec, rest, socks := args[0], args[1:], kind == DynamicForward
		if !socks {
			switch {
			case len(rest) > 0 && rest[0] != "":
				spec, rest = spec+":"+rest[0], rest[1:]
			case kind == RemoteForward:
				socks = true
				rest = rest[min(1, len(rest)):]
			default:
				return nil, nil, "Missing target argument."
			}
		}
		spec = spec[:min(len(spec), maxForward)]
		value, ok := parseForward(ports, spec, socks, kind == RemoteForward)
		if !ok {
			return nil, nil, "Bad forwarding specification."
		}
		return []string{value}, rest, ""
	}
}

// parseForward reads a forwarding in the form of -L, -R and -D. remote allows
// port 0, which lets the server choose.
func parseForward(ports portOf, spec string, socks, remote bool) (value string, ok bool) {
	fields, ok := forwardFields(strings.TrimLeft(spec, " \t\n\v\f\r"))
	if !ok {
		return "", false
	}
	end := func(host *forwardField, port forwardField, zero bool) (string, bool) {
		n, known := portOrZero(ports, port.text)
		if !known || n == 0 && !zero {
			return "", false
		}
		if host == nil {
			return strconv.Itoa(n), true
		}
		return fmt.Sprintf("[%s]:%d", host.text, n), len(host.text) < 1025
	}
	var listen, connect string
	listenOK, connectOK := true, true
	switch f := fields; {
	case len(f) == 1 && f[0].path:
		listen = f[0].text
	case len(f) == 1:
		listen, listenOK = end(nil, f[0], remote)
	case len(f) == 2 && f[0].path && f[1].path:
		listen, connect = f[0].text, f[1].text
	case len(f) == 2 && f[1].path:
		listen, listenOK = end(nil, f[0], remote)
		connect = f[1].text
	case len(f) == 2:
		listen, listenOK = end(&f[0], f[1], remote)
	case len(f) == 3 && f[0].path:
		listen = f[0].text
		connect, connectOK = end(&f[1], f[2], false)
	case len(f) == 3 && f[2].path:
		listen, listenOK = end(&f[0], f[1], remote)
		connect = f[2].text
	case len(f) == 3:
		listen, listenOK = end(nil, f[0], remote)
		connect, connectOK = end(&f[1], f[2], false)
	case len(f) == 4:
		listen, listenOK = end(&f[0], f[1], remote)
		connect, connectOK = end(&f[2], f[3], false)
	default:
		return "", false
	}
	if !listenOK || !connectOK || tooLong(listen) || tooLong(connect) || socks != (connect == "") {
		return "", false
	}
	return listen + endsMark + connect, true
}

// tooLong is the length of a socket's path.
func tooLong(end string) bool { return strings.Contains(end, "/") && end[0] != '[' && len(end) >= 108 }

// A forwardField is one part of a forwarding.
type forwardField struct {
	text string
	path bool
}

// forwardFields cuts at colons. A part in brackets is taken as it is; elsewhere a
// backslash takes the next character as it is.
func forwardFields(spec string) (fields []forwardField, ok bool) {
	if strings.Contains(spec, endsMark) {
		return nil, false
	}
	for spec != "" {
		if len(fields) == 4 {
			return nil, false
		}
		if spec[0] == '[' {
			inner, after, closed := strings.Cut(spec[1:], "]")
			if !closed || after != "" && after[0] != ':' {
				return nil, false
			}
			fields = append(fields, forwardField{inner, strings.Contains(inner, "/")})
			spec = strings.TrimPrefix(after, ":")
			continue
		}
		var field strings.Builder
		path := false
		i := 0
		for ; i < len(spec) && spec[i] != ':'; i++ {
			switch spec[i] {
			case '\\':
				if i++; i == len(spec) {
					return nil, false
				}
			case '/':
				path = true
			}
			field.WriteByte(spec[i])
		}
		fields = append(fields, forwardField{field.String(), path})
		spec = spec[min(i+1, len(spec)):]
	}
	return fields, true
}

// portOrZero reads a port, or 0.
func portOrZero(ports portOf, s string) (int, bool) {
	if s == "0" {
		return 0, true
	}
	return ports(s)
}

// remoteOpens reads PermitRemoteOpen: "any", "none", or HOST:PORT each.
func remoteOpens(ports portOf, args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 {
		return nil, nil, "missing KEYWORD specification"
	}
	for _, arg := range args {
		if word := lower(arg); word == "none" || word == "any" {
			if len(args) > 1 {
				return nil, nil, fmt.Sprintf("keyword KEYWORD \"%s\" argument must appear alone.", arg)
			}
			break
		}
		_, port, ok := cutHostPort(arg)
		if _, known := ports(port); !ok || port != "*" && !known {
			return nil, nil, "bad port number in KEYWORD"
		}
	}
	return args, nil, ""
}

// cutHostPort splits HOST:PORT or [HOST]:PORT; without a port ok is true and port
// empty.
func cutHostPort(s string) (host, port string, ok bool) {
	if strings.HasPrefix(s, "[") {
		host, after, closed := strings.Cut(s[1:], "]")
		if !closed || after != "" && after[0] != ':' {
			return "", "", false
		}
		return host, strings.TrimPrefix(after, ":"), true
	}
	host, port, _ = strings.Cut(s, ":")
	return host, port, true
}

// tunnelDevice reads LOCAL[:REMOTE], numbers or "any".
func tunnelDevice(args []string, _ string) ([]string, []string, string) {
	if len(args) == 0 || args[0] == "" {
		return nil, nil, missingArgument
	}
	value, ok := parseTunnelDevice(args[0])
	if !ok {
		return nil, nil, "Bad tun device."
	}
	return []string{value}, args[1:], ""
}

func parseTunnelDevice(s string) (string, bool) {
	local, remote, both := strings.Cut(s, ":")
	if !both {
		remote = "any"
	}
	ends := []string{local, remote}
	for i, end := range ends {
		if strings.EqualFold(end, "any") {
			ends[i] = "any"
			continue
		}
		n, err := strconv.ParseUint(end, 10, 31)
		if err != nil || n > 0x7fffffff-2 {
			return "", false
		}
		ends[i] = strconv.FormatUint(n, 10)
	}
	return strings.Join(ends, ":"), true
}

// String is the form of ssh -G: [HOST]:PORT, or the path.
func (e Endpoint) String() string {
	if e.Path != "" {
		return e.Path
	}
	return fmt.Sprintf("[%s]:%d", e.Host, e.Port)
}

// parseEndpoint reads an end as parseForward gives it.
func parseEndpoint(end string) Endpoint {
	host, port, ok := cutHostPort(end)
	if !strings.HasPrefix(end, "[") || !ok {
		host, port = "", end
	}
	n, numeric := portOrZero(parsePort, port)
	if end != "" && !numeric {
		return Endpoint{Path: end}
	}
	return Endpoint{Host: host, Port: n}
}

// forward obeys -L, -R and -D.
func (ev *evaluator) forward(o option) error {
	name := map[string]string{"D": "dynamic", "L": "local", "R": "remote"}[o.name]
	spec, err := expander{env: ev.effects.LookupEnv}.expand(o.arg)
	value, ok := parseForward(ev.effects.port, spec, o.name == "D", o.name == "R")
	if !ok && o.name == "R" {
		value, ok = parseForward(ev.effects.port, spec, true, true)
	}
	if err != nil || !ok {
		return &UsageError{Text: fmt.Sprintf("Bad %s forwarding specification '%s'", name, o.arg)}
	}
	keyword := name + "forward"
	old := ev.settings[keyword]
	at := position{file: "-" + o.name}
	if old.value != nil {
		at = old.at
	}
	ev.settings[keyword] = setting{collect(keyword, old.value, value), at}
	return nil
}

// stdioForward obeys -W.
func stdioForward(ev *evaluator, o option, put func(name, value string)) error {
	if ev.settings.word(kwStdioForward) != "" {
		return &UsageError{Text: "stdio forward already specified"}
	}
	if ev.settings.word(kwMuxCommand) != "" {
		return &UsageError{Text: "Cannot specify stdio forward with -O"}
	}
	spec, err := expander{env: ev.effects.LookupEnv}.expand(o.arg)
	value, ok := parseForward(ev.effects.port, spec, true, false)
	if err != nil || !ok {
		return &UsageError{Text: fmt.Sprintf("Bad stdio forwarding specification '%s'", o.arg)}
	}
	put(kwStdioForward, strings.TrimSuffix(value, endsMark))
	put("requesttty", "no")
	put("sessiontype", "none")
	return nil
}
