package config

import (
	"fmt"
	"regexp"
)

// resolveStdio reads gcloud's and iapproxy's grammar for a tunnel on stdin and
// stdout. ssh_config has no say here: the caller is usually a ProxyCommand of
// an ssh that has read it already.
func resolveStdio(argv []string, effects Effects) (Plan, error) {
	line := scanTunnel(argv)
	if err := line.check(); err != nil {
		return Plan{}, err
	}
	port, _ := parsePort(line.positionals[1])
	host := line.positionals[0]
	p := Plan{
		Mode:        ModeStdio,
		Original:    host,
		Host:        host,
		Port:        port,
		Route:       RouteIAP,
		RouteReason: "--listen-on-stdin",
	}
	var err error
	if p.LogLevel, err = gcloudVerbosity(line.flags["--verbosity"]); err != nil {
		return Plan{}, err
	}
	if !instanceName.MatchString(host) {
		return Plan{}, &UsageError{Text: fmt.Sprintf("%q is not the name of an instance", host)}
	}
	me, err := localFacts(effects)
	if err != nil {
		return Plan{}, err
	}
	given := iapSettings{
		project:       line.flags["--project"],
		zone:          line.flags["--zone"],
		nic:           line.flags["--network-interface"],
		account:       line.flags["--account"],
		configuration: line.flags["--configuration"],
		relayURL:      line.flags["--iap-tunnel-url-override"],
	}
	if err := p.fillGoogle(effects, me.home, given); err != nil {
		return Plan{}, err
	}
	p.IAP = given.target(host, p.GCloud)
	return p, p.IAP.missing(host)
}

// instanceName is a legal name of a VM: RFC 1035, one label.
var instanceName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// iapSettings is what flags and IAP* keywords say of the way through IAP. Empty
// fields were not given.
type iapSettings struct {
	project, zone, nic     string
	account, configuration string
	relayURL               string
}

// target completes what was given with gcloud's configuration.
func (s iapSettings) target(instance string, g GCloud) Target {
	return Target{
		Project:   first(s.project, g.Project),
		Zone:      first(s.zone, g.Zone),
		Instance:  instance,
		Interface: first(s.nic, "nic0"),
	}
}

// missing says which part of the target nothing told.
func (t Target) missing(host string) error {
	if t.Project == "" {
		return &MissingError{What: "project", Host: host,
			Fix: "give --project=PROJECT, or IAPProject in ssh_config, or run: gcloud config set project PROJECT"}
	}
	if t.Zone == "" {
		return &MissingError{What: "zone", Host: host,
			Fix: "give --zone=ZONE, or IAPZone in ssh_config, or run: gcloud config set compute/zone ZONE"}
	}
	return nil
}

// fillGoogle sets what is Google's in a plan, whatever the mode.
func (p *Plan) fillGoogle(effects Effects, home string, given iapSettings) error {
	g, err := loadGCloud(effects, given.configuration, home)
	if err != nil {
		return err
	}
	p.GCloud = GCloud{
		Dir:           g.dir,
		Configuration: g.name,
		Account:       first(given.account, g.property("core", "account")),
		Project:       g.property("core", "project"),
		Zone:          g.property("compute", "zone"),
	}
	p.CACertsFile = g.property("core", "custom_ca_certs_file")
	p.RelayURL = given.relayURL
	if p.RelayURL == "" {
		p.RelayURL, _ = effects.LookupEnv("IAPSSH_RELAY_URL")
	}
	return nil
}

// gcloudVerbosity reads gcloud's --verbosity. gcloud's default, warning, is
// what ssh calls INFO: what a user ought to see and no more.
func gcloudVerbosity(name string) (LogLevel, error) {
	switch name {
	case "", "warning":
		return LogInfo, nil
	case "info":
		return LogVerbose, nil
	case "debug":
		return LogDebug1, nil
	case "error":
		return LogError, nil
	case "critical":
		return LogFatal, nil
	case "none":
		return LogQuiet, nil
	}
	return 0, &UsageError{Text: fmt.Sprintf("--verbosity must be debug, info, warning, error, critical or none, not %q", name)}
}
