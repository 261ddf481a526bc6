package config

import (
	"slices"
	"strings"
)

// A refusal is a keyword that must not be ignored once it is set, and the values
// at which it asks for nothing.
type refusal struct {
	keyword  string // as the manual writes it
	harmless string
	fix      string
}

var (
	alwaysRefused = []refusal{
		{"Tunnel", "no", "a tunnel device needs root on both sides; -D makes a SOCKS proxy instead, -o Tunnel=no connects without either"},
	}
	// What asks for nothing in a file that stock ssh reads too, since there it is
	// often a default, but is meant where it is typed.
	refusedTyped = []refusal{
		{"PKCS11Provider", "none", ""},
	}
)

// refuse says which setting asks for something that is not built and whose
// absence would matter.
func refuse(s settings) error {
	rules := slices.Clone(alwaysRefused)
	for _, r := range refusedTyped {
		if s[lower(r.keyword)].at.isFlag() || s[r.keyword].at.isFlag() {
			rules = append(rules, r)
		}
	}
	for _, r := range rules {
		set, ok := s[r.keyword]
		if !ok {
			set = s[lower(r.keyword)]
		}
		if len(set.value) == 0 || set.value[0] == "" || strings.EqualFold(set.value[0], r.harmless) {
			continue
		}
		if set.at.isFlag() {
			return &UnsupportedError{Option: set.at.file, Fix: r.fix}
		}
		return &UnsupportedError{Option: r.keyword, Where: set.at.String(), Fix: r.fix}
	}
	return nil
}

const (
	// ZoneFix tells how to name the zone of a VM that cannot be looked up.
	ZoneFix    = "give --zone=ZONE, or IAPZone in ssh_config, or run: gcloud config set compute/zone ZONE"
	projectFix = "give --project=PROJECT, or IAPProject in ssh_config, or run: gcloud config set project PROJECT"
)

// Lacks says what must be known of the plan's target to look it up or to go there,
// and is not. The error is a *MissingError.
func (p Plan) Lacks() error {
	if p.Route != RouteIAP && p.Route != RouteLookup && p.Route != RouteEither {
		return nil
	}
	if len(p.Projects) == 0 {
		return &MissingError{What: "project", Host: p.Original, Fix: projectFix}
	}
	return p.missing()
}

// missing says what a target lacks that is no VM.
func (p Plan) missing() error {
	t := p.IAP
	lacks := func(what, fix string) error { return &MissingError{What: what, Host: p.Original, Fix: fix} }
	switch workload := t.Workload.Type != ""; {
	case !t.IsVM() && t.Project == "":
		return lacks("project", "name one: --project=PROJECT")
	case !t.IsVM() && t.Region == "":
		return lacks("region", "give --region=REGION, or IAPRegion in ssh_config")
	case !t.IsVM() && !workload && t.Network == "":
		return lacks("network", "give --network=NETWORK, or IAPNetwork in ssh_config")
	}
	return nil
}
