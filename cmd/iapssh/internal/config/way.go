package config

import (
	"fmt"
	"slices"
	"strings"
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

// target sets what Route leads to.
func (b *builder) target(p *Plan, given iapSettings) {
	var form Target
	if given.isVM() {
		form, _, _ = instanceForm(p.Host)
	}
	if form.Project != "" && len(given.projects) == 0 {
		given.projects = []string{form.Project}
	}
	given.zone = first(given.zone, form.Zone)
	if err := p.aim(first(form.Instance, p.Host), p.Port, b.projects(p, given), given, b.effects); err != nil {
		b.err = firstError(b.err, err)
	}
}

// aim sets the target and what may have to be looked up of it.
func (p *Plan) aim(host string, port int, projects []string, given iapSettings, effects Effects) error {
	t := Target{
		Instance:  host,
		Interface: first(given.nic, "nic0"),
		Port:      port,
		Region:    given.region, Network: given.network, DestGroup: given.destGroup,
		Workload: given.workload,
	}
	p.Projects = projects
	if len(projects) == 1 {
		t.Project = projects[0]
	}
	if !t.IsVM() {
		var err error
		p.IAP, err = t.elsewhere(p.GCloud.RunRegion)
		return err
	}
	if t.Workload.Instance != "" || t.Workload.Container != "" {
		return &UsageError{Ours: true, Text: "--instance and --container are for a workload of Cloud Run, which --cloud-run=TYPE says it is"}
	}
	t.Workload = Workload{}
	if !instanceName.MatchString(host) {
		return &UsageError{Ours: true, Text: fmt.Sprintf("%q is not the name of an instance, and IAP knows no other (%s)", host, p.RouteReason)}
	}
	if t.Zone = given.zone; t.Zone == "" && len(projects) < 2 {
		t.Zone = p.GCloud.Zone // a default, which must not narrow a search
	}
	if !t.complete() && effects.CachedVM != nil && len(projects) > 0 {
		if project, zone, ok := effects.CachedVM(host, projects); ok && first(t.Zone, zone) == zone {
			p.Remembered = t.Zone == ""
			t.Project, t.Zone = project, zone
		}
	}
	p.IAP = t
	return nil
}

// elsewhere makes of a target that is no VM what it is: it has no network
// interface, and of the two other kinds a workload has no network.
func (t Target) elsewhere(runRegion string) (Target, error) {
	t.Interface = ""
	if t.Workload.Type == "" {
		t.Workload = Workload{}
		if !validHostname(t.Instance) || strings.Contains(t.Instance, "/") {
			return t, &UsageError{Ours: true, Text: fmt.Sprintf("%q is not the address or name of a host", t.Instance)}
		}
		return t, nil
	}
	t.Region = first(t.Region, runRegion)
	t.Network, t.DestGroup = "", ""
	kind, _, complaint := cloudRunType([]string{t.Workload.Type}, "")
	if complaint != "" {
		return t, &UsageError{Ours: true, Text: fmt.Sprintf("--cloud-run: %q is none of service, job, worker-pool, instance", t.Workload.Type)}
	}
	t.Workload.Type = kind[0]
	return t, nil
}

// cloudRun sets what ssh to Cloud Run differs in, as gcloud has it: everybody is
// root, and hosts have certificates under one name, since no container lives long.
func (b *builder) cloudRun(p *Plan) {
	if p.Route != RouteIAP || p.IAP.Workload.Type == "" {
		return
	}
	if b.s.word("user") == "" {
		p.User = "root"
	}
	p.HostKeyAlias = first(p.HostKeyAlias, "cloud-run-default")
}

// givenTarget is what flags and keywords say of the target.
func (b *builder) givenTarget() iapSettings {
	return iapSettings{
		projects:  b.s["iapproject"].value,
		zone:      b.s.word("iapzone"),
		nic:       b.s.word("iapinterface"),
		region:    b.s.word("iapregion"),
		network:   b.s.word("iapnetwork"),
		destGroup: b.s.word("iapdestgroup"),
		workload: Workload{
			Type:          b.s.word("iapcloudrun"),
			ProjectNumber: b.s.word("iapprojectnumber"),
			Instance:      b.s.word("iapcloudruninstance"),
			Container:     b.s.word("iapcontainer"),
		},
		psc:           b.s.word("iapprivateserviceconnect"),
		account:       b.s.word("iapaccount"),
		configuration: b.s.word("iapconfiguration"),
		impersonate:   b.s.word("iapimpersonateserviceaccount"),
		noTokenCache:  !b.s.flag("iaptokencache", true),
		reason:        b.s.word("iapreason"),
		relayURL:      b.line.flags["--iap-tunnel-url-override"],
	}
}

// givenIAP names what was said of IAP for this host. IAPAccount, IAPConfiguration,
// IAPImpersonateServiceAccount, IAPReason and IAPWait say who asks, why and how patiently, not which way
// to go, and often stand under Host *: typed they count, in a file not.
func (s settings) givenIAP() string {
	where := []string{"iapproject", "iapzone", "iapinterface", "iapregion", "iapnetwork", "iapdestgroup", "iapcloudrun"}
	who := []string{"iapaccount", "iapconfiguration", "iapimpersonateserviceaccount", "iapreason", "iapwait"}
	for i, keyword := range slices.Concat(where, who) {
		set, ok := s[keyword]
		if set.at.isFlag() {
			return set.at.file
		}
		if ok && i < len(where) {
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
