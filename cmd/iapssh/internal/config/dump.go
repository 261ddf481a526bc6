package config

import (
	"fmt"
	"strings"
)

// A row is a keyword of ssh -G's answer, as it is spelt there, and how its value
// is written.
type row struct {
	keyword string
	write   func(d *dumper, keyword string)
}

// rows is what -G prints, in OpenSSH's order; what Debian adds stands where
// Debian puts it. Defaults are those of OpenSSH.
var rows = []row{
	{"host", literal(func(d *dumper) string { return d.line.host })},
	{"user", literal(func(d *dumper) string { return d.conn.user })},
	{"hostname", literal(func(d *dumper) string { return d.conn.host })},
	{"port", text("22")},

	{"addressfamily", text("any")},
	{"batchmode", text("no")},
	{"canonicalizefallbacklocal", text("yes")},
	{"canonicalizehostname", state("no")},
	{"checkhostip", text("no")},
	{"compression", text("no")},
	{"controlmaster", state("no")},
	{"enablesshkeysign", text("no")},
	{"clearallforwardings", text("no")},
	{"exitonforwardfailure", text("no")},
	{"fingerprinthash", func(d *dumper, k string) { d.put(k, strings.ToUpper(first(d.s.word(k), "sha256"))) }},
	{"forwardx11", text("no")},
	{"forwardx11trusted", text("no")},
	{"gatewayports", text("no")},
	{"gssapiauthentication", text("no")},
	{"gssapikeyexchange", text("no")},
	{"gssapidelegatecredentials", text("no")},
	{"gssapitrustdns", text("no")},
	{"gssapirenewalforcesrekey", text("no")},
	{"gssapiclientidentity", text("")},
	{"gssapiserveridentity", text("")},
	{"gssapikexalgorithms", text("")},
	{"hashknownhosts", text("no")},
	{"hostbasedauthentication", text("no")},
	{"identitiesonly", text("no")},
	{"kbdinteractiveauthentication", text("yes")},
	{"nohostauthenticationforlocalhost", text("no")},
	{"passwordauthentication", text("yes")},
	{"permitlocalcommand", text("no")},
	{"proxyusefdpass", func(d *dumper, k string) {
		d.put(k, map[bool]string{true: "yes", false: "no"}[d.s.flag(k, false) && !d.s.isGiven("proxyjump")])
	}},
	{"pubkeyauthentication", state("yes")},
	{"requesttty", state("auto")},
	{"sessiontype", text("default")},
	{"stdinnull", text("no")},
	{"forkafterauthentication", text("no")},
	{"streamlocalbindunlink", text("no")},
	{"stricthostkeychecking", state("ask")},
	{"tcpkeepalive", text("yes")},
	{"tunnel", state("no")},
	{"verifyhostkeydns", state("no")},
	{"visualhostkey", text("no")},
	{"updatehostkeys", func(d *dumper, k string) { d.put(k, trueFalse(d.askedHostKeys())) }},
	{"enableescapecommandline", text("no")},
	{"warnweakcrypto", text("yes")},

	{"canonicalizemaxdots", text("1")},
	{"connectionattempts", text("1")},
	{"forwardx11timeout", text("1200")},
	{"numberofpasswordprompts", text("3")},
	{"serveralivecountmax", text("3")},
	{"serveraliveinterval", text("0")},
	{"requiredrsasize", text("1024")},
	{"obscurekeystroketiming", text("yes")},

	{"bindaddress", text("")},
	{"bindinterface", text("")},
	{"ciphers", names},
	{"controlpath", expanded},
	{"hostkeyalgorithms", names},
	{"hostkeyalias", func(d *dumper, k string) { d.put(k, lower(d.s.word(k))) }},
	{"hostbasedacceptedalgorithms", names},
	{"identityagent", expanded},
	{"ignoreunknown", text("")},
	{"kbdinteractivedevices", text("")},
	{"kexalgorithms", names},
	{"casignaturealgorithms", names},
	{"localcommand", given},
	{"remotecommand", func(d *dumper, k string) {
		if d.s.isGiven(k) {
			d.put(k, Plan{OfUser: OfUser{Remote: d.remoteCommand()}}.As(d.conn.user).Command)
		}
	}},
	{"loglevel", func(d *dumper, k string) {
		d.put(k, map[bool]string{true: "SILENT", false: first(d.s.word(k), "INFO")}[d.s.word(k) == "QUIET"])
	}},
	{"macs", names},
	{"pkcs11provider", given},
	{"securitykeyprovider", func(d *dumper, k string) {
		if !strings.EqualFold(d.s.word(k), "none") {
			d.put(k, first(d.s.word(k), "internal"))
		}
	}},
	{"preferredauthentications", text("")},
	{"pubkeyacceptedalgorithms", names},
	{"xauthlocation", text("/usr/bin/xauth")},
	{"knownhostscommand", given},
	{"tag", text("")},
	{"versionaddendum", func(d *dumper, k string) { d.put(k, d.expandTokens(k, d.s.word(k))) }},

	{"dynamicforward", forwardings},
	{"localforward", forwardings},
	{"remoteforward", forwardings},

	{"identityfile", func(d *dumper, k string) { d.each(k, d.identities()) }},
	{"canonicaldomains", oneLine("none")},
	{"certificatefile", func(d *dumper, k string) { d.each(k, d.s[k].value) }},
	{"globalknownhostsfile", func(d *dumper, k string) { d.put(k, first(strings.Join(d.globalKnownHosts(), " "), "none")) }},
	{"userknownhostsfile", func(d *dumper, k string) { d.put(k, first(strings.Join(d.userKnownHosts(), " "), "none")) }},
	{"revokedhostkeys", func(d *dumper, k string) { d.put(k, first(strings.Join(d.expandAll(k, d.s[k].value), " "), "none")) }},
	{"sendenv", func(d *dumper, k string) { d.each(k, d.s[k].value) }},
	{"setenv", func(d *dumper, k string) { d.each(k, d.setEnv()) }},
	{"logverbose", oneLine("none")},
	{"channeltimeout", oneLine("none")},

	{"permitremoteopen", oneLine("any")},
	{"addkeystoagent", agentKeys},
	{"forwardagent", func(d *dumper, k string) {
		value := first(d.s.word(k), "no")
		if value != "yes" && value != "no" {
			value = d.expand(k, value)
		}
		d.put(k, value)
	}},
	{"connecttimeout", text("none")},
	{"tunneldevice", text("any:any")},
	{"canonicalizePermittedcnames", oneLine("none")},
	{"controlpersist", text("no")},
	{"escapechar", func(d *dumper, k string) { d.put(k, escapeText(d.s.integer(k, '~'))) }},
	{"ipqos", text("af21 cs1")},
	{"rekeylimit", func(d *dumper, k string) {
		value := append(append([]string{}, d.s[k].value...), "0", "0")
		if len(d.s[k].value) == 1 {
			value = []string{value[0], "0"}
		}
		d.put(k, value[0]+" "+value[1])
	}},
	{"streamlocalbindmask", text("0177")},
	{"syslogfacility", text("USER")},
	{"proxycommand", func(d *dumper, k string) {
		if d.s.isGiven(k) && !d.s.isGiven("proxyjump") {
			d.put(k, d.s.word(k))
		}
	}},
	{"proxyjump", func(d *dumper, k string) {
		if d.s.isGiven(k) {
			last, before, _ := parseJump(d.effects.port, d.s.word(k), false)
			if before != "" {
				before += ","
			}
			d.put(k, before+last.text())
		}
	}},

	// Ours, where they are set.
	{"iap", text("")},
	{"iapproject", oneLine("")},
	{"iapzone", text("")},
	{"iapinterface", text("")},
	{"iapregion", text("")},
	{"iapnetwork", text("")},
	{"iapdestgroup", text("")},
	{"iapcloudrun", text("")},
	{"iapprojectnumber", text("")},
	{"iapcloudruninstance", text("")},
	{"iapcontainer", text("")},
	{"iapaccount", text("")},
	{"iappushkey", text("")},
	{"iapkeyfile", text("")},
	{"iapkeylifetime", text("")},
	{"iapoverwritekey", text("")},
	{"iapuser", text("")},
	{"iapconfiguration", text("")},
	{"iapimpersonateserviceaccount", text("")},
	{"iapprivateserviceconnect", text("")},
	{"iaptokencache", text("")},
	{"iapreason", text("")},
	{"iapwait", text("")},
	{"iapauditlog", text("")},
	{"iapauditcommands", text("")},
	{"iapreconnect", text("")},
}

// A dumper writes the settings in ssh -G's words.
type dumper struct {
	*builder
	out strings.Builder
}

// dump is what -G prints.
func (b *builder) dump() string {
	d := &dumper{builder: b}
	if b.s.word(kwStdioForward) != "" { // which changes two defaults
		for _, keyword := range []string{"clearallforwardings", "exitonforwardfailure"} {
			if _, set := b.s[keyword]; !set {
				b.s[keyword] = setting{value: []string{"yes"}}
			}
		}
	}
	for _, r := range rows {
		r.write(d, r.keyword)
	}
	return d.out.String()
}

// put writes a line, unless there is no value.
func (d *dumper) put(keyword, value string) {
	if value != "" || keyword == "hostname" || keyword == "host" {
		fmt.Fprintf(&d.out, "%s %s\n", keyword, value)
	}
}

func (d *dumper) each(keyword string, values []string) {
	for _, value := range values {
		d.put(keyword, value)
	}
}
