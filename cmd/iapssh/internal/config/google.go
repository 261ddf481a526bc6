package config

import (
	"fmt"
	"strings"
	"unicode"
)

// iapSettings is what flags and IAP* keywords say of the way through IAP. Empty
// fields were not given.
type iapSettings struct {
	projects                   []string
	zone, nic                  string
	region, network, destGroup string
	workload                   Workload
	psc                        string
	account, configuration     string
	impersonate                string
	noTokenCache               bool
	reason                     string
	relayURL                   string
}

// isVM says that they are about an instance.
func (s iapSettings) isVM() bool {
	return s.workload.Type == "" && s.region == "" && s.network == "" && s.destGroup == ""
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
		AccountNamed:  given.account != "" || g.isNamed("core", "account"),
		Project:       g.property("core", "project"),
		Zone:          g.property("compute", "zone"),
		RunRegion:     g.property("run", "region"),

		TokenFile:      g.property("auth", "access_token_file"),
		CredentialFile: g.property("auth", "credential_file_override"),
		QuotaProject:   g.quotaProject(),
		NoCredentials:  g.isTrue("auth", "disable_credentials"),
	}
	p.Proxy = g.proxy()
	p.ClientCertificate = g.clientCertificate(home)
	p.Universe = g.universe()
	p.PSC = given.psc
	p.CACertsFile = g.property("core", "custom_ca_certs_file")
	p.Impersonate, err = impersonated(first(given.impersonate, g.property("auth", "impersonate_service_account")))
	if err != nil {
		return err
	}
	p.NoTokenCache = given.noTokenCache
	p.Reason = first(given.reason, g.property("core", "request_reason"))
	if strings.ContainsFunc(p.Reason, unicode.IsControl) { // it becomes a header
		return usage(fmt.Sprintf("a reason must be one line of text, not %q", p.Reason))
	}
	p.RelayURL = given.relayURL
	if p.RelayURL == "" {
		p.RelayURL, _ = effects.LookupEnv("IAPSSH_RELAY_URL")
	}
	p.APIs = g.apis(p.Universe)
	p.NoPrompts = g.isTrue("core", "disable_prompts")
	return nil
}

// impersonated reads a list of service accounts with commas between them.
func impersonated(list string) ([]string, error) {
	if list == "" || strings.EqualFold(list, "none") {
		return nil, nil
	}
	chain := strings.Split(list, ",")
	for i, account := range chain {
		chain[i] = strings.TrimSpace(account)
		if !strings.Contains(chain[i], "@") || strings.ContainsAny(chain[i], " /") {
			return nil, usage(fmt.Sprintf("%q is not the e-mail of a service account to act as", account))
		}
	}
	return chain, nil
}

// APIs are base URLs of Google's APIs, as in gcloud's api_endpoint_overrides;
// empty: Google's.
type APIs struct{ Compute, OSLogin, IAP, Run, IAMCredentials string }

// publicUniverse is the domain of the universe that is meant where none is named.
const publicUniverse = "googleapis.com"

// universe is the domain of the cloud that is meant; empty: the public one.
func (g gcloudProperties) universe() string {
	if domain := g.property("core", "universe_domain"); domain != publicUniverse {
		return domain
	}
	return ""
}

// apis are those that the properties name, else those of the universe.
func (g gcloudProperties) apis(universe string) APIs {
	usual := universeAPIs(universe)
	override := func(name, usual string) string { return first(g.property("api_endpoint_overrides", name), usual) }
	return APIs{
		Compute: override("compute", usual.Compute),
		OSLogin: override("oslogin", usual.OSLogin),
		IAP:     override("iap", usual.IAP),
		Run:     override("run", usual.Run),

		IAMCredentials: override("iamcredentials", usual.IAMCredentials),
	}
}

// universeAPIs are those of a universe; empty where it is the public one.
func universeAPIs(domain string) APIs {
	if domain == "" {
		return APIs{}
	}
	return APIs{
		Compute: "https://compute." + domain + "/compute/v1/",
		OSLogin: "https://oslogin." + domain + "/",
		IAP:     "https://iap." + domain + "/",
		Run:     "https://run." + domain + "/",

		IAMCredentials: "https://iamcredentials." + domain + "/",
	}
}
