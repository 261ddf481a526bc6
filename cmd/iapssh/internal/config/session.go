package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	if err != nil {
		return Plan{}, err
	}
	if line.version {
		return Plan{Mode: ModeSSHVersion}, nil
	}
	ev.command = line.command
	host, err := ev.readConfiguration(line.configFile)
	if err != nil {
		return Plan{}, err
	}
	s := ev.settings
	if err := refuse(s); err != nil {
		return Plan{}, err
	}
	p := Plan{
		Mode:     ModeSSH,
		Original: line.host,
		Host:     host,
		Port:     s.integer("port", 22),
		LogFile:  line.logFile,
		Ignored:  ev.ignored,
		Warnings: line.warnings,
	}
	b := builder{s: s, me: me, effects: effects, conn: ev.connection()}
	b.conn.host = host
	b.conn.keyAlias = first(s.word("hostkeyalias"), line.host)
	if err := b.user(&p, line.userTyped); err != nil {
		return Plan{}, err
	}
	if err := b.route(&p, line.relayURL); err != nil {
		return Plan{}, err
	}
	if err := b.session(&p, line); err != nil {
		return Plan{}, err
	}
	b.connection(&p)
	b.authentication(&p)
	b.trust(&p)
	return p, b.err
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
	host = canonicalHost(host)
	if !ev.wantFinal {
		return host, nil
	}
	ev.settings["hostname"] = setting{[]string{host}, ev.settings["hostname"].at}
	ev.final = true
	return host, ev.readFiles(named)
}

// A builder turns settings into the fields of a plan. Its first error sticks.
type builder struct {
	s       settings
	me      local
	effects Effects
	conn    connection
	err     error
}

// expand replaces ~, tokens and ${ENV} in a value of a keyword.
func (b *builder) expand(keyword, value string) string {
	value, err := expandTilde(value, b.me.home, b.effects.HomeOf)
	if err == nil {
		value, err = expander{b.conn.tokens(), b.effects.LookupEnv}.expand(value)
	}
	b.fail(keyword, err)
	return value
}

func (b *builder) fail(keyword string, err error) {
	if err != nil && b.err == nil {
		b.err = failed(keyword, b.s[keyword].at, err)
	}
}

// failed says that the value of a keyword cannot be used.
func failed(keyword string, at position, err error) error {
	return &ConfigError{File: at.file, Line: at.line, Text: visible(fmt.Sprintf("%s: %s: %v", at, keyword, err))}
}

func (b *builder) expandAll(keyword string, values []string) []string {
	var all []string
	for _, value := range values {
		if !strings.EqualFold(value, "none") {
			all = append(all, b.expand(keyword, value))
		}
	}
	return all
}

var errUserCharacters = errors.New("remote username contains invalid characters")

// user expands User, unless it was typed.
func (b *builder) user(p *Plan, typed bool) error {
	p.User = first(b.s.word("user"), b.me.user)
	if b.s.word("user") != "" && !typed {
		expanded, err := expander{b.conn.userTokens(), b.effects.LookupEnv}.expand(p.User)
		if err == nil && expanded != p.User && !validUser(expanded) {
			err = errUserCharacters
		}
		b.fail("user", err)
		p.User = expanded
	}
	b.conn.user = p.User
	return b.err
}

// route decides the way to the host, and the target if it is IAP.
func (b *builder) route(p *Plan, relayURL string) error {
	given := iapSettings{
		project:       b.s.word("iapproject"),
		zone:          b.s.word("iapzone"),
		nic:           b.s.word("iapinterface"),
		account:       b.s.word("iapaccount"),
		configuration: b.s.word("iapconfiguration"),
		relayURL:      relayURL,
	}
	if err := p.fillGoogle(b.effects, b.me.home, given); err != nil {
		return err
	}
	facts := routeFacts{
		iap:     first(b.s.word("iap"), "auto"),
		given:   b.given(),
		host:    p.Host,
		inHosts: instanceName.MatchString(p.Host) && b.inHosts(p.Host),
	}
	p.Route, p.RouteReason = chooseRoute(facts)
	if p.Route == RouteDirect {
		return nil
	}
	form, _, _ := instanceForm(p.Host)
	given.project = first(given.project, form.Project)
	given.zone = first(given.zone, form.Zone)
	p.IAP = given.target(first(form.Instance, p.Host), p.GCloud)
	if !instanceName.MatchString(p.IAP.Instance) {
		return &UsageError{Text: fmt.Sprintf("%q is not the name of an instance, and IAP knows no other (%s)",
			p.IAP.Instance, p.RouteReason)}
	}
	return p.IAP.missing(p.Original)
}

// given names what was said of IAP for this host. IAPAccount and IAPConfiguration
// say who asks, not which way to go, and often stand under Host *.
func (b *builder) given() string {
	for _, keyword := range []string{"iapproject", "iapzone", "iapinterface", "iapaccount", "iapconfiguration"} {
		set, ok := b.s[keyword]
		if set.at.isFlag() {
			return set.at.file
		}
		if ok && keyword != "iapaccount" && keyword != "iapconfiguration" {
			return keyword
		}
	}
	return ""
}

func (b *builder) inHosts(host string) bool {
	file := "/etc/hosts"
	if b.effects.OS == "windows" {
		root, _ := b.effects.LookupEnv("SystemRoot")
		file = first(root, `C:\Windows`) + `\System32\drivers\etc\hosts`
	}
	data, err := b.effects.ReadFile(file)
	return err == nil && inHostsFile(string(data), host)
}

// session sets what is asked for on the far side, and how it meets this one.
func (b *builder) session(p *Plan, line commandLine) error {
	p.SessionType = first(b.s.word("sessiontype"), "default")
	p.Command = line.command
	if remote := b.s.word("remotecommand"); remote != "" && !strings.EqualFold(remote, "none") {
		if line.hasCommand {
			return &UsageError{Text: "Cannot execute command-line and remote command."}
		}
		expanded, err := expander{tokens: b.conn.tokens()}.expand(remote)
		b.fail("remotecommand", err)
		p.Command = expanded
	}
	p.RequestTTY = first(b.s.word("requesttty"), "auto")
	p.StdinNull = b.s.flag("stdinnull", false)
	p.EscapeChar = b.s.integer("escapechar", '~')
	p.SendEnv = b.s["sendenv"].value
	for _, pair := range b.s["setenv"].value {
		name, value, _ := strings.Cut(pair, "=")
		expanded, err := expander{b.conn.tokens(), b.effects.LookupEnv}.expand(value)
		b.fail("setenv", err)
		p.SetEnv = append(p.SetEnv, name+"="+expanded)
	}
	p.BatchMode = b.s.flag("batchmode", false)
	p.LogLevel = parseLogLevel(b.s.word("loglevel"))
	return nil
}

func (b *builder) connection(p *Plan) {
	p.AddressFamily = first(b.s.word("addressfamily"), "any")
	p.ConnectTimeout = time.Duration(b.s.integer("connecttimeout", 0)) * time.Second
	p.ConnectionAttempts = b.s.integer("connectionattempts", 1)
	p.ServerAliveInterval = time.Duration(b.s.integer("serveraliveinterval", 0)) * time.Second
	p.ServerAliveCountMax = b.s.integer("serveralivecountmax", 3)
	p.TCPKeepAlive = b.s.flag("tcpkeepalive", true)
	p.Ciphers = b.s.word("ciphers")
	p.MACs = b.s.word("macs")
	p.KexAlgorithms = b.s.word("kexalgorithms")
}

// defaultIdentities are OpenSSH's, in its order, without DSA (gone since 10.0).
var defaultIdentities = []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"}

func (b *builder) authentication(p *Plan) {
	if given := b.s["identityfile"].value; given != nil {
		p.IdentitiesExplicit = true
		p.IdentityFiles = b.expandAll("identityfile", given)
	} else {
		for _, name := range defaultIdentities {
			p.IdentityFiles = append(p.IdentityFiles, b.me.home+"/.ssh/"+name)
		}
		if p.Route == RouteIAP {
			// The key that gcloud makes, and puts on instances.
			p.IdentityFiles = append(p.IdentityFiles, b.me.home+"/.ssh/google_compute_engine")
		}
	}
	p.IdentitiesOnly = b.s.flag("identitiesonly", false)
	p.CertificateFiles = b.expandAll("certificatefile", b.s["certificatefile"].value)
	p.AgentSocket = b.agentSocket()
	p.PubkeyAuthentication = b.s.flag("pubkeyauthentication", true)
	p.PasswordAuthentication = b.s.flag("passwordauthentication", true)
	p.KbdInteractive = b.s.flag("kbdinteractiveauthentication", true)
	p.PreferredAuthentications = b.s.word("preferredauthentications")
	p.NumberOfPasswordPrompts = b.s.integer("numberofpasswordprompts", 3)
	p.PubkeyAcceptedAlgorithms = b.s.word("pubkeyacceptedalgorithms")
}

// agentSocket is IdentityAgent: a path, SSH_AUTH_SOCK, $NAME or none.
func (b *builder) agentSocket() string {
	agent := first(b.s.word("identityagent"), "SSH_AUTH_SOCK")
	name, isName := strings.CutPrefix(agent, "$")
	switch {
	case agent == "none":
		return ""
	case agent == "SSH_AUTH_SOCK":
		name, isName = agent, true
	}
	if !isName || strings.HasPrefix(name, "{") {
		return b.expand("identityagent", agent)
	}
	socket, _ := b.effects.LookupEnv(name)
	if socket == "" && agent == "SSH_AUTH_SOCK" && b.effects.OS == "windows" {
		return `\\.\pipe\openssh-ssh-agent`
	}
	return socket
}

func (b *builder) trust(p *Plan) {
	p.HostKeyAlias = lower(b.s.word("hostkeyalias"))
	user := b.s["userknownhostsfile"].value
	if user == nil {
		user = []string{"~/.ssh/known_hosts", "~/.ssh/known_hosts2"}
	}
	p.UserKnownHostsFiles = b.expandAll("userknownhostsfile", user)
	p.GlobalKnownHostsFiles = b.s["globalknownhostsfile"].value
	if p.GlobalKnownHostsFiles == nil {
		dir := systemDir(b.effects)
		p.GlobalKnownHostsFiles = []string{dir + "/ssh_known_hosts", dir + "/ssh_known_hosts2"}
	}
	p.GlobalKnownHostsFiles = slices.DeleteFunc(slices.Clone(p.GlobalKnownHostsFiles), func(f string) bool {
		return strings.EqualFold(f, "none")
	})
	p.StrictHostKeyChecking = first(b.s.word("stricthostkeychecking"), "ask")
	p.HashKnownHosts = b.s.flag("hashknownhosts", false)
	p.UpdateHostKeys = b.updateHostKeys(user)
	p.FingerprintHash = first(b.s.word("fingerprinthash"), "sha256")
	p.RequiredRSASize = b.s.integer("requiredrsasize", 1024)
	p.HostKeyAlgorithms = b.s.word("hostkeyalgorithms")
	p.CASignatureAlgorithms = b.s.word("casignaturealgorithms")
}

// updateHostKeys is on by default as long as the file to update is the usual one.
func (b *builder) updateHostKeys(userFiles []string) string {
	if given := b.s.word("updatehostkeys"); given != "" {
		return given
	}
	usual := b.s["userknownhostsfile"].value == nil || slices.Equal(userFiles, []string{"~/.ssh/known_hosts"})
	if verify := b.s.word("verifyhostkeydns"); usual && (verify == "" || verify == "no") {
		return "yes"
	}
	return "no"
}
