package config

import (
	"fmt"
	"slices"
	"strings"
)

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
		return usage("--instance and --container are for a workload of Cloud Run, which --cloud-run=TYPE says it is")
	}
	t.Workload = Workload{}
	if !instanceName.MatchString(host) {
		return usage(fmt.Sprintf("%q is not the name of an instance, and IAP knows no other (%s)", host, p.RouteReason))
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
			return t, usage(fmt.Sprintf("%q is not the address or name of a host", t.Instance))
		}
		return t, nil
	}
	t.Region = first(t.Region, runRegion)
	t.Network, t.DestGroup = "", ""
	kind, _, complaint := cloudRunType([]string{t.Workload.Type}, "")
	if complaint != "" {
		return t, usage(fmt.Sprintf("--cloud-run: %q is none of service, job, worker-pool, instance", t.Workload.Type))
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
