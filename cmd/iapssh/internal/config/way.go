package config

import (
	"slices"
)

// route decides the way to the host, and what it leads through.
func (b *builder) route(p *Plan) {
	given := b.givenTarget()
	if err := p.fillGoogle(b.effects, b.me.home, given); err != nil {
		b.err = firstError(b.err, err)
		return
	}
	proxy := b.proxy()
	facts := routeFacts{
		iap:   first(b.s.word("iap"), "auto"),
		jump:  b.s.isGiven("proxyjump"),
		proxy: proxy.reason,
		inner: proxy.route,
		given: b.s.givenIAP(),
		host:  p.Host,
	}
	if route, _ := chooseRoute(facts); route == RouteDirect && isBareName(p.Host) && facts.iap == "auto" {
		b.learn(&facts, p, given)
	}
	p.Route, p.RouteReason = chooseRoute(facts)
	p.RouteFix = routeFix(p.Route, facts)
	defer b.sources(p)
	switch p.Route {
	case RouteJump:
		b.jump(p, proxy)
	case RouteProxyCommand:
		p.ProxyCommand, p.ProxyFD = b.proxyCommand(), b.s.flag("proxyusefdpass", false)
	case RouteAddress:
		p.Address = facts.iap
		b.target(p, given)
	case RouteEither:
		b.target(p, given)
	case RouteIAP, RouteLookup:
		if facts.iap != "yes" && facts.proxy != "" {
			b.throughProxy(p, given, proxy)
			return
		}
		b.target(p, given)
		if p.Route == RouteLookup && p.Remembered { // another process has found it since the route was chosen
			facts.cached = true
			p.Route, p.RouteReason = chooseRoute(facts)
		}
	}
}

// sources notes who said what the target is.
func (b *builder) sources(p *Plan) {
	form, _, _ := instanceForm(p.Host)
	from := func(keyword, value, inName, gcloud string) string {
		at, said := b.s[keyword]
		switch {
		case value == "":
			return ""
		case p.Remembered && (keyword == "iapzone" || len(p.Projects) > 1):
			return "the cache"
		case said:
			return at.at.String()
		case inName == value:
			return "the name"
		case b.s.isGiven("proxycommand") && p.Route == RouteIAP && value != gcloud:
			return "ProxyCommand"
		case gcloud == value:
			return "gcloud's configuration " + p.GCloud.Configuration
		}
		return "the metadata server"
	}
	p.ProjectFrom = from("iapproject", p.IAP.Project, form.Project, p.GCloud.Project)
	p.ZoneFrom = from("iapzone", p.IAP.Zone, form.Zone, p.GCloud.Zone)
}

// learn gathers the facts about a bare name.
func (b *builder) learn(f *routeFacts, p *Plan, given iapSettings) {
	facts := b.effects.Facts
	f.inHosts = b.inHosts(p.Host)
	if f.inHosts {
		return
	}
	files := slices.Concat(p.UserKnownHostsFiles, p.GlobalKnownHostsFiles)
	f.known = facts.KnownHost != nil && facts.KnownHost(files, p.Host, p.Port)
	if f.known {
		return
	}
	projects := b.projects(p, given)
	f.project = len(projects) > 0
	f.credential = facts.NoCredential == nil || !facts.NoCredential(p.GCloud)
	if facts.CachedVM != nil && f.project {
		_, _, f.cached = facts.CachedVM(p.Host, projects)
	}
	f.zone = len(projects) == 1 && first(given.zone, p.GCloud.Zone) != ""
}

// projects are those that the host may be in, the one we run in the last resort.
func (b *builder) projects(p *Plan, given iapSettings) []string {
	if len(given.projects) > 0 {
		return given.projects
	}
	project := p.GCloud.Project
	if project == "" && b.effects.ProjectHere != nil {
		project = b.effects.ProjectHere(b.ctx)
	}
	if project == "" {
		return nil
	}
	return []string{project}
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

// jump sets the way to the jump host: ProxyJump's, or a nested gcloud's. It passes
// the connection on to the plan's host.
func (b *builder) jump(p *Plan, proxy recognised) {
	to := proxy.jump
	if b.s.isGiven("proxyjump") {
		last, before, _ := parseJump(b.effects.port, b.s.word("proxyjump"), false)
		to = jumpTo(last, before, b.line, parseLogLevel(b.s.word("loglevel")))
	}
	p.Jump = slices.Concat([]string{"-W", Endpoint{Host: p.Host, Port: p.Port}.String()}, to)
}

// proxyCommand expands ProxyCommand's tokens.
func (b *builder) proxyCommand() string {
	expanded, err := expander{tokens: b.conn.proxyTokens()}.expand(b.s.word("proxycommand"))
	b.fail("proxycommand", err)
	return expanded
}

// proxy reads ProxyCommand; the zero value means that there is none.
func (b *builder) proxy() recognised {
	if !b.s.isGiven("proxycommand") {
		return recognised{}
	}
	return recognise(b.s.word("proxycommand"), b.conn.proxyTokens(), b.effects.OS)
}

// throughProxy aims at what a recognised ProxyCommand names. What was typed beats
// it; what it leaves open is filled in from the keywords for the host, and then
// from gcloud, as its own tunnel would do.
func (b *builder) throughProxy(p *Plan, given iapSettings, proxy recognised) {
	in := proxy.target
	pick := func(keyword, line, config string) string {
		if at := b.s[keyword].at; at.isFlag() || at.file == "command-line" {
			return config
		}
		return first(line, config)
	}
	given.zone = pick("iapzone", in.zone, given.zone)
	given.nic = pick("iapinterface", in.nic, given.nic)
	given.account = pick("iapaccount", in.account, given.account)
	given.configuration = pick("iapconfiguration", in.configuration, given.configuration)
	given.impersonate = pick("iapimpersonateserviceaccount", in.impersonate, given.impersonate)
	given.reason = pick("iapreason", in.reason, given.reason)
	given.relayURL = first(given.relayURL, in.relayURL)
	given.region, given.network, given.destGroup, given.workload = in.region, in.network, in.destGroup, in.workload
	given.psc = first(in.psc, given.psc)
	if project := pick("iapproject", first(in.projects...), ""); project != "" {
		given.projects = []string{project}
	}
	b.inLine, p.Wait = proxy.key, proxy.wait
	err := p.fillGoogle(b.effects, b.me.home, given)
	if err == nil {
		err = p.aim(proxy.host, proxy.port, b.projects(p, given), given, b.effects)
	}
	b.err = firstError(b.err, err)
	if proxy.warning != "" {
		p.Warnings = append(slices.Clone(p.Warnings), b.s["proxycommand"].at.String()+": "+proxy.warning)
	}
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
