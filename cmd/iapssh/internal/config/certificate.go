package config

// A ClientCertificate says whether Google is to be shown the certificate of this
// device, as context-aware access wants it, and what leads to it.
type ClientCertificate struct {
	Use bool
	// Config is certificate_config.json, Metadata context_aware_metadata.json. They
	// need not exist; the first that does counts.
	Config, Metadata string
}

// clientCertificate reads context_aware/use_client_certificate, which gcloud knows,
// else GOOGLE_API_USE_CLIENT_CERTIFICATE, which Google's libraries do. A value that
// is no boolean asks for the certificate: going without must be meant.
func (g gcloudProperties) clientCertificate(home string) ClientCertificate {
	env := func(name string) string { value, _ := g.effects.LookupEnv(name); return value }
	asked := first(g.property("context_aware", "use_client_certificate"), env("GOOGLE_API_USE_CLIENT_CERTIFICATE"))
	on, isBool := pythonBool(asked)
	if !on && (isBool || asked == "") {
		return ClientCertificate{}
	}
	c := ClientCertificate{
		Use:      true,
		Config:   first(g.property("context_aware", "certificate_config_file_path"), env("GOOGLE_API_CERTIFICATE_CONFIG")),
		Metadata: g.property("context_aware", "auto_discovery_file_path"),
	}
	if c.Config == "" && g.dir != "" {
		c.Config = g.dir + "/certificate_config.json"
	}
	if c.Metadata == "" && home != "" {
		c.Metadata = home + "/.secureConnect/context_aware_metadata.json"
	}
	return c
}
