package config

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// resolveSession makes the plan of ssh's grammar.
func resolveSession(ctx context.Context, argv []string, effects Effects) (Plan, error) {
	me, err := localFacts(effects)
	if err != nil {
		return Plan{}, err
	}
	ev := &evaluator{ctx: ctx, effects: effects, me: me, settings: settings{}, files: map[string][]directive{}}
	line, err := parseArgv(argv, ev)
	switch {
	case err != nil:
		return Plan{}, err
	case line.version:
		return Plan{Mode: ModeSSHVersion}, nil
	case line.query != "":
		return Plan{Mode: ModeQuery, Query: line.query}, nil
	}
	failing, err := failing(line.flags, effects)
	if err != nil {
		return Plan{}, err
	}
	ev.command, ev.offline = line.command, line.dump
	host, err := ev.readConfiguration(line.configFile)
	if err != nil {
		return Plan{Failing: failing}, err
	}
	b := builder{ctx: ctx, s: ev.settings, me: me, effects: effects, conn: ev.connection(), line: line}
	b.conn.host = host
	b.conn.keyAlias = first(lower(b.s.word("hostkeyalias")), line.host)
	if err := b.consistent(); err != nil {
		return Plan{Failing: failing}, err
	}
	if line.dump {
		p := Plan{Mode: ModeConfig, Warnings: line.warnings, Output: b.dump()}
		return p, b.err
	}
	if err := refuse(b.s); err != nil {
		return Plan{Failing: failing}, err
	}
	p, err := b.plan(ev.ignored)
	p.Failing = failing
	if err == nil && p.Fork && failing.FD != 0 {
		err = usage("--error-fd does not reach into the background: name a file by " + envErrorFile)
	}
	return p, err
}

// plan makes the plan of a session.
func (b *builder) plan(ignored []Ignored) (Plan, error) {
	p := Plan{
		Mode:      ModeSSH,
		Original:  b.line.host,
		Host:      b.conn.host,
		User:      b.conn.user,
		UserGiven: b.s.word("user") != "",

		UserYields: b.s.word("iapuser") == "oslogin",
		SSHDir:     b.me.home + "/.ssh",
		Port:       b.conn.port,
		LogFile:    first(b.line.flags["--log-file"], b.line.logFile),
		Timing:     b.line.flags["--timing"] != "",
		Ignored:    ignored,
		Warnings:   b.line.warnings,
	}
	var err error
	if p.LogFormat, err = logFormat(b.line.flags["--log-format"]); err != nil {
		return p, err
	}
	if where := b.s.word("iapauditlog"); where != "" && where != "none" {
		p.AuditLog = b.expand("iapauditlog", where)
	}
	p.AuditCommands = b.s.flag("iapauditcommands", false)
	p.Reconnect = b.s.flag("iapreconnect", false)
	if b.line.syslog {
		p.Syslog = first(b.s.word("syslogfacility"), "USER")
	}
	b.trust(&p)
	b.route(&p)
	b.cloudRun(&p)
	b.session(&p)
	b.sharing(&p)
	b.forwarding(&p)
	b.connection(&p)
	b.authentication(&p)
	b.algorithms()
	return p.As(p.User), b.err
}

// algorithms refuses a list that leaves nothing we support; the error names what
// could be named.
func (b *builder) algorithms() {
	if b.effects.Algorithms == nil {
		return
	}
	for _, keyword := range []string{"kexalgorithms", "ciphers", "macs", "hostkeyalgorithms"} {
		if value := b.s.word(keyword); value != "" {
			_, err := b.effects.Algorithms(keyword, value)
			b.fail(keyword, err)
		}
	}
}

// consistent settles the user, and refuses what ssh refuses of options that do
// not go together.
func (b *builder) consistent() error {
	if err := b.user(); err != nil {
		return err
	}
	hasCommand := b.line.hasCommand || b.s.isGiven("remotecommand")
	switch {
	case b.loops():
		return &UsageError{Text: "jumphost loop via " + b.conn.jump}
	case b.s.integer("connectionattempts", 1) <= 0:
		return &UsageError{Text: "Invalid number of ConnectionAttempts"}
	case b.line.hasCommand && b.s.isGiven("remotecommand"):
		return &UsageError{Text: "Cannot execute command-line and remote command."}
	case b.s.flag("forkafterauthentication", false) && !hasCommand && b.s.word("sessiontype") != "none":
		return &UsageError{Text: "Cannot fork into background without a command to execute."}
	case b.s.word(kwMuxCommand) != "" && !b.line.dump && !b.s.isGiven("controlpath"):
		return &UsageError{Text: "No ControlPath specified for \"-O\" command"}
	case b.s.word("proxycommand") == "-" && b.s.flag("proxyusefdpass", false):
		return &UsageError{Text: "ProxyCommand=- and ProxyUseFDPass are incompatible"}
	}
	return nil
}

// loops says that the jump host is the destination.
func (b *builder) loops() bool {
	if !b.s.isGiven("proxyjump") {
		return false
	}
	last, _, _ := parseJump(b.effects.port, b.s.word("proxyjump"), false)
	samePort := b.conn.port == last.port || b.conn.port == 22 && last.port == 0
	return last.host == b.conn.host && samePort && first(last.user, b.conn.user) == b.conn.user
}

// readConfiguration walks the files, a second time if a Match asks for it, and
// returns the host to connect to.
func (ev *evaluator) readConfiguration(named string) (host string, err error) {
	if err := ev.readFiles(named); err != nil {
		return "", err
	}
	host = ev.original
	if name := ev.settings.word("hostname"); name != "" {
		host, err = expander{tokens: tokens{'h': ev.original}}.expand(name)
		if err != nil {
			return "", failed("hostname", ev.settings["hostname"].at, err)
		}
	}
	if host, err = ev.canonicalize(canonicalHost(host)); err != nil {
		return "", err
	}
	if choice := ev.settings.word("canonicalizehostname"); !ev.wantFinal && (choice == "" || choice == "no") {
		return host, nil
	}
	ev.settings["hostname"] = setting{[]string{host}, ev.settings["hostname"].at}
	ev.final = true
	return host, ev.readFiles(named)
}

var errUserCharacters = errors.New("remote username contains invalid characters")

// user expands User, unless it was typed.
func (b *builder) user() error {
	user := first(b.s.word("user"), b.me.user)
	if b.s.word("user") != "" && !b.line.userTyped {
		expanded, err := expander{b.conn.userTokens(), b.effects.LookupEnv}.expand(user)
		if err == nil && expanded != user && !validUser(expanded) {
			err = errUserCharacters
		}
		b.fail("user", err)
		user = expanded
	}
	b.conn.user = user
	return b.err
}

// session sets what is asked for on the far side, and how it meets this one.
func (b *builder) session(p *Plan) {
	p.StdioForward = parseEndpoint(b.s.word(kwStdioForward))
	p.SessionType = first(b.s.word("sessiontype"), "default")
	p.Command = b.line.command
	if b.s.isGiven("remotecommand") {
		p.OfUser.Remote = b.remoteCommand()
	}
	p.RequestTTY = first(b.s.word("requesttty"), "auto")
	p.StdinNull = b.s.flag("stdinnull", false)
	p.EscapeChar = b.s.integer("escapechar", '~')
	p.EscapeCommand = b.s.flag("enableescapecommandline", false)
	if p.Fork = b.s.flag("forkafterauthentication", false); p.Fork {
		p.StdinNull = true
	}
	b.localCommand(p)
	p.SendEnv = b.s["sendenv"].value
	p.SetEnv = b.setEnv()
	p.BatchMode = b.s.flag("batchmode", false) || b.noPrompts()
	p.LogLevel = parseLogLevel(b.s.word("loglevel"))
}

// noPrompts says that gcloud was told, for this time, to ask nothing; so are we.
func (b *builder) noPrompts() bool {
	value, _ := b.effects.LookupEnv(variable("core", "disable_prompts"))
	return truth(value)
}

// remoteCommand is RemoteCommand, with its %r left for [Plan.As].
func (b *builder) remoteCommand() string {
	expanded, err := b.conn.early("r", nil).expand(b.s.word("remotecommand"))
	b.fail("remotecommand", err)
	return expanded
}

func (b *builder) setEnv() []string {
	var pairs []string
	for _, pair := range b.s["setenv"].value {
		name, value, _ := strings.Cut(pair, "=")
		expanded, err := expander{b.conn.tokens(), b.effects.LookupEnv}.expand(value)
		b.fail("setenv", err)
		pairs = append(pairs, name+"="+expanded)
	}
	return pairs
}

// localCommand sets PermitLocal and, if it is permitted, LocalCommand, with its %r left.
func (b *builder) localCommand(p *Plan) {
	command := b.s.word("localcommand")
	p.PermitLocal = b.s.flag("permitlocalcommand", false)
	if command == "" || strings.EqualFold(command, "none") || !p.PermitLocal {
		return
	}
	early := b.conn.early("r", nil)
	early.tokens['T'] = "NONE" // the tunnel's interface
	var err error
	p.OfUser.Local, err = early.expand(command)
	b.fail("localcommand", err)
}

func (b *builder) connection(p *Plan) {
	p.BindAddress, p.BindInterface = b.s.word("bindaddress"), b.s.word("bindinterface")
	p.AddressFamily = first(b.s.word("addressfamily"), "any")
	p.ConnectTimeout = time.Duration(b.s.integer("connecttimeout", 0)) * time.Second
	p.Wait = time.Duration(b.s.integer("iapwait", int(p.Wait/time.Second))) * time.Second
	p.ConnectionAttempts = b.s.integer("connectionattempts", 1)
	p.ServerAliveInterval = time.Duration(b.s.integer("serveraliveinterval", aliveByDefault(p.Route))) * time.Second
	p.ServerAliveCountMax = b.s.integer("serveralivecountmax", 3)
	p.ChannelTimeouts = b.channelTimeouts()
	p.VersionAddendum = b.expandTokens("versionaddendum", b.s.word("versionaddendum"))
	p.TCPKeepAlive = b.s.flag("tcpkeepalive", true)
	for i, word := range b.s["rekeylimit"].value {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil && i == 0 {
			p.RekeyBytes = n
		} else if err == nil {
			p.RekeyInterval = time.Duration(n) * time.Second
		}
	}
	p.Ciphers = b.s.word("ciphers")
	p.MACs = b.s.word("macs")
	p.KexAlgorithms = b.s.word("kexalgorithms")
}

// aliveByDefault is ServerAliveInterval's default, in seconds. IAP ends a session after an hour without data, and surely takes
// nothing else for activity.
func aliveByDefault(route Route) int {
	if route == RouteIAP || route == RouteLookup || route == RouteEither {
		return 300
	}
	return 0
}
