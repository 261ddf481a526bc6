package config

import (
	"context"
	"regexp"
	"time"
)

// resolveStdio reads gcloud's and iapproxy's grammar for a tunnel on stdin and
// stdout.
func resolveStdio(ctx context.Context, line tunnelLine, effects Effects) (Plan, error) {
	if err := line.check(); err != nil {
		return Plan{Mode: ModeStdio, Speaker: line.speaker}, err
	}
	port, _ := parsePort(line.positionals[1])
	return line.plainWay(ctx, line.positionals[0], port, effects)
}

// plainWay is the plan that carries one connection to a port, made without
// ssh_config: the caller is usually a ProxyCommand of an ssh that has read it
// already, or a script that was written for gcloud.
func (t tunnelLine) plainWay(ctx context.Context, host string, port int, effects Effects) (Plan, error) {
	p := Plan{
		Mode:        ModeStdio,
		Original:    host,
		Host:        host,
		Port:        port,
		Route:       RouteIAP,
		RouteReason: t.chosenBy(),
		Speaker:     t.speaker,
		AuditLog:    t.flags["--audit-log"],
	}
	if err := t.talk(&p, effects); err != nil {
		return p, err
	}
	me, err := localFacts(effects)
	if err != nil {
		return p, err
	}
	if p.EnsureKey = t.has("--ensure-key"); p.EnsureKey {
		if err := p.handKeyTo(me, t.keySettings()); err != nil {
			return p, err
		}
	}
	given := t.target()
	if p.EnsureKey && !given.isVM() {
		return p, usage("--ensure-key is about VMs: nobody can give a key to another host")
	}
	if err := p.fillGoogle(effects, me.home, given); err != nil {
		return p, err
	}
	b := builder{ctx: ctx, effects: effects}
	if form, _, ok := instanceForm(host); ok && given.isVM() {
		host = form.Instance
		given.zone = first(given.zone, form.Zone)
		if len(given.projects) == 0 {
			given.projects = []string{form.Project}
		}
	}
	return p, p.aim(host, port, b.projects(&p, given), given, effects)
}

// talk sets what is said, where, and to whom.
func (t tunnelLine) talk(p *Plan, effects Effects) (err error) {
	p.LogFile = t.logFile()
	if p.LogLevel, err = t.logLevel(); err != nil {
		return err
	}
	if p.Failing, err = failing(t.flags, effects); err != nil {
		return err
	}
	if p.Wait, err = t.wait(); err != nil {
		return err
	}
	p.LogFormat, err = logFormat(t.flags["--log-format"])
	return err
}

// wait is how long a VM that starts up is waited for.
func (t tunnelLine) wait() (time.Duration, error) {
	if !t.has("--wait") {
		return 0, nil
	}
	seconds, ok := parseTime(t.flags["--wait"])
	if !ok {
		return 0, usage("--wait: invalid time value.")
	}
	return time.Duration(seconds) * time.Second, nil
}

// logFile is iapproxy's flag, or ssh's.
func (t tunnelLine) logFile() string { return first(t.flags["--log-file"], t.flags["-E"]) }

// instanceName is a legal name of a VM: RFC 1035, one label.
var instanceName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// target is what the flags of tunnel grammar say.
func (t tunnelLine) target() iapSettings {
	s := iapSettings{
		zone:      t.flags["--zone"],
		nic:       t.flags["--network-interface"],
		region:    t.flags["--region"],
		network:   t.flags["--network"],
		destGroup: t.flags["--dest-group"],
		workload: Workload{
			Type:          t.flags["--cloud-run"],
			ProjectNumber: t.flags["--project-number"],
			Instance:      t.flags["--instance"],
			Container:     t.flags["--container"],
		},
		psc:           t.flags["--private-service-connect"],
		account:       t.flags["--account"],
		configuration: t.flags["--configuration"],
		impersonate:   t.flags["--impersonate-service-account"],
		reason:        t.flags["--reason"],
		relayURL:      t.flags["--iap-tunnel-url-override"],
	}
	if project := t.flags["--project"]; project != "" {
		s.projects = []string{project}
	}
	return s
}
