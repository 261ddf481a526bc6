package config

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Tunnel is what a plan of ModeTunnel does beside finding its way.
type Tunnel struct {
	Ports          []LocalPort
	SkipCheck      bool          // listen without having opened a session
	Command        []string      // to run while listening; see PortWords; empty: none
	ReadyFD        int           // descriptor that learns the ports once they listen; 0: none
	ExitWithParent bool          // end when the process that started us does
	Parent         int           // that process, if it is not our parent
	IdleTimeout    time.Duration // end after so long without a client; 0: never
	Silent         bool          // print no port on stdout
	MetricsAddr    string        // HOST:PORT to serve metrics on; empty: none
}

// A LocalPort is a port to listen on, and what it leads to.
type LocalPort struct {
	Host string // a name or address; "localhost" is both loopback addresses
	Port int    // 0: any that is free
	To   Plan   // of ModeStdio: the way
}

// PortWords replaces {port} in a command's words by the first port that is
// listened on, and {port2}, {port3} … by the others.
func (t Tunnel) PortWords(ports []int) []string {
	pairs := []string{}
	for i, port := range ports {
		number := strconv.Itoa(port)
		pairs = append(pairs, fmt.Sprintf("{port%d}", i+1), number)
		if i == 0 {
			pairs = append(pairs, "{port}", number)
		}
	}
	replacer := strings.NewReplacer(pairs...)
	words := make([]string, len(t.Command))
	for i, word := range t.Command {
		words[i] = replacer.Replace(word)
	}
	return words
}

// A mapping is one pair of ports of a command line.
type mapping struct {
	remoteHost string
	remotePort int
	localHost  string // empty: the default
	localPort  int
}

// resolveTunnel makes the plan of a tunnel on local ports. Behind --tunnel
// ssh_config says what it says to ssh about the host; the command lines of other
// programs mean what they mean there.
func resolveTunnel(ctx context.Context, line tunnelLine, effects Effects) (Plan, error) {
	p := Plan{Mode: ModeTunnel, Speaker: line.speaker, Original: strings.Join(line.positionals, " "), LogFile: line.logFile()}
	var err error
	if p.Failing, err = failing(line.flags, effects); err != nil {
		return p, err
	}
	if err := line.check(); err != nil {
		return p, err
	}
	mappings, err := line.mappings()
	if err == nil {
		p.LogFormat, err = logFormat(line.flags["--log-format"])
	}
	if err == nil {
		err = line.tunnel(&p.Tunnel)
	}
	if err != nil {
		return p, err
	}
	p.Fork = line.has("-f")
	for _, m := range mappings {
		to, err := line.way(ctx, m, effects)
		if err != nil {
			return p, err
		}
		p.LogLevel = max(p.LogLevel, to.LogLevel)
		for _, warning := range to.Warnings {
			if !slices.Contains(p.Warnings, warning) {
				p.Warnings = append(p.Warnings, warning)
			}
		}
		p.Tunnel.Ports = append(p.Tunnel.Ports, LocalPort{Host: first(m.localHost, line.localHost()), Port: m.localPort, To: to})
	}
	return p, nil
}

// localHost is where a tunnel listens if nothing else is said.
func (t tunnelLine) localHost() string {
	if t.program == "iapproxy" {
		return "127.0.0.1"
	}
	return "localhost"
}

// tunnel reads the flags that say how and how long.
func (t tunnelLine) tunnel(to *Tunnel) error {
	to.SkipCheck = t.has("--iap-tunnel-disable-connection-check")
	to.Silent = t.has("--no-user-output-enabled")
	to.ExitWithParent = t.has("--exit-with-parent")
	to.Command = t.command
	if value := t.flags["--idle-timeout"]; t.has("--idle-timeout") {
		idle, err := time.ParseDuration(value)
		if n, isNumber := strconv.Atoi(value); isNumber == nil {
			idle, err = time.Duration(n)*time.Second, nil
		}
		if err != nil || idle <= 0 {
			return usage(fmt.Sprintf("--idle-timeout must be a time, such as 90s, 10m or 1h30m, not %q", value))
		}
		to.IdleTimeout = idle
	}
	if value := t.flags["--ready-fd"]; t.has("--ready-fd") {
		fd, err := strconv.Atoi(value)
		if err != nil || fd < 1 {
			return usage(fmt.Sprintf("--ready-fd must be the number of an open descriptor, not %q", value))
		}
		to.ReadyFD = fd
	}
	if value := t.flags["--metrics-addr"]; t.has("--metrics-addr") {
		host, port, ok := parseLocal(value)
		if !ok {
			return usage(fmt.Sprintf("--metrics-addr must be [HOST]:PORT, not %q", value))
		}
		to.MetricsAddr = net.JoinHostPort(first(host, "127.0.0.1"), strconv.Itoa(port))
	}
	switch {
	case t.has("-f") && to.ReadyFD > 0:
		return usage("-f and --ready-fd exclude each other: -f returns when the ports are listened on, and prints them")
	case t.has("-f") && len(to.Command) > 0:
		return usage("-f and a command exclude each other")
	case to.IdleTimeout > 0 && len(to.Command) > 0:
		return usage("--idle-timeout and a command exclude each other: the tunnel lasts as long as the command")
	case t.program == "--tunnel" && t.command != nil && len(t.command) == 0:
		return usage("there is no command after --")
	}
	return nil
}

// mappings reads the positionals and the flags that say where to listen.
func (t tunnelLine) mappings() ([]mapping, error) {
	local, err := t.local()
	if err != nil {
		return nil, err
	}
	if t.isHostPort() {
		local.remoteHost = t.positionals[0]
		local.remotePort, _ = parsePort(t.positionals[1])
		return []mapping{local}, nil
	}
	if len(t.positionals) == 0 {
		return nil, usage("--tunnel needs VM PORT, or VM:PORT[=[HOST]:PORT] as often as you like")
	}
	if len(t.positionals) == 2 && !strings.Contains(t.positionals[0]+t.positionals[1], ":") {
		return nil, t.notHostPort("--tunnel")
	}
	var all []mapping
	for _, word := range t.positionals {
		m, err := parseMapping(word)
		if err != nil {
			return nil, err
		}
		if len(t.positionals) == 1 && m.localHost == "" && m.localPort == 0 {
			m.localHost, m.localPort = local.localHost, local.localPort
		} else if local != (mapping{}) {
			return nil, usage("where to listen stands behind the = of each VM:PORT if there are several: " + word + "=[HOST]:PORT")
		}
		all = append(all, m)
	}
	return all, nil
}

// notHostPort says what is wrong with two positionals that are no HOST PORT, which flag wants.
func (t tunnelLine) notHostPort(flag string) error {
	host, port := t.positionals[0], t.positionals[1]
	if host == "" {
		return usage(fmt.Sprintf("%s %q %s: the name is empty", flag, host, port))
	}
	return usage(fmt.Sprintf("bad port %q for %s: a number from 1 to 65535 is wanted", port, flag))
}

// local is what gcloud's flag, or iapproxy's two, say.
func (t tunnelLine) local() (m mapping, err error) {
	if value := t.flags["--local-host-port"]; t.has("--local-host-port") {
		if t.has("--local-host") || t.has("--local-port") {
			return m, usage("--local-host-port excludes --local-host and --local-port")
		}
		host, port, ok := parseLocal(value)
		if !ok {
			return m, usage(fmt.Sprintf("--local-host-port must be [HOST]:PORT, not %q", value))
		}
		return mapping{localHost: host, localPort: port}, nil
	}
	m.localHost = t.flags["--local-host"]
	if value := t.flags["--local-port"]; t.has("--local-port") {
		var ok bool
		if m.localPort, ok = parseLocalPort(value); !ok {
			return m, usage(fmt.Sprintf("--local-port must be a number from 0 to 65535, not %q", value))
		}
	}
	return m, nil
}

// parseMapping reads VM:PORT[=[HOST]:PORT].
func parseMapping(word string) (mapping, error) {
	bad := usage(fmt.Sprintf("%q is not VM:PORT[=[HOST]:PORT]; for one port, VM PORT will do as well", word))
	remote, local, hasLocal := strings.Cut(word, "=")
	colon := strings.LastIndex(remote, ":")
	if colon < 1 {
		return mapping{}, bad
	}
	m := mapping{remoteHost: strings.TrimSuffix(strings.TrimPrefix(remote[:colon], "["), "]")}
	var ok bool
	if m.remotePort, ok = parsePort(remote[colon+1:]); !ok {
		return mapping{}, bad
	}
	if hasLocal {
		if m.localHost, m.localPort, ok = parseLocal(local); !ok {
			return mapping{}, bad
		}
	}
	return m, nil
}

// parseLocal reads gcloud's [HOST][:[PORT]], with brackets around an IPv6 address,
// which may be missing where there is no port. A number alone is a port.
func parseLocal(s string) (host string, port int, ok bool) {
	if port, ok = parseLocalPort(s); ok && s != "" {
		return "", port, true
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.String(), 0, true
	}
	host, rest := s, ""
	if colon := strings.LastIndex(s, ":"); colon > strings.LastIndex(s, "]") {
		host, rest = s[:colon], s[colon+1:]
	}
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return "", 0, false
		}
	} else if strings.ContainsAny(host, ":[]") {
		return "", 0, false
	}
	port, ok = parseLocalPort(rest)
	return host, port, ok && s != ""
}

// parseLocalPort reads a port; 0 and nothing mean any.
func parseLocalPort(s string) (int, bool) {
	if strings.Trim(s, "0") == "" {
		return 0, true
	}
	return parsePort(s)
}

// way finds the way to a mapping's port.
func (t tunnelLine) way(ctx context.Context, m mapping, effects Effects) (Plan, error) {
	if t.program != "--tunnel" {
		return t.plainWay(ctx, m.remoteHost, m.remotePort, effects)
	}
	argv := []string{"-p", strconv.Itoa(m.remotePort), "-o", "ClearAllForwardings=yes"}
	if t.has("-F") {
		argv = append(argv, "-F", t.flags["-F"])
	}
	for _, option := range t.options {
		argv = append(argv, "-o", option)
	}
	for _, name := range slices.Sorted(maps.Keys(t.flags)) {
		if keyword := longFlags[name]; keyword != "" || name == "--iap-tunnel-url-override" {
			argv = append(argv, name+"="+t.flags[name])
		}
	}
	level, err := t.logLevel()
	if err != nil {
		return Plan{}, err
	}
	if level != LogInfo {
		argv = append(argv, "-o", "LogLevel="+level.String())
	}
	p, err := resolveSession(ctx, append(slices.Clone(argv), "--", m.remoteHost), effects)
	if err == nil && p.Route != RouteIAP && p.Route != RouteLookup {
		p, err = resolveSession(ctx, append([]string{"-o", "IAP=yes"}, append(argv, "--", m.remoteHost)...), effects)
	}
	p.Mode, p.Route, p.IAP.Port = ModeStdio, RouteIAP, m.remotePort
	return p, err
}
