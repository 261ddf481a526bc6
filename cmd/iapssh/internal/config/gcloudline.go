package config

import (
	"slices"
	"strings"
)

// startTunnelFlags are the flags of "gcloud compute start-iap-tunnel", the hidden
// ones included, and those that all of gcloud's commands have.
var startTunnelFlags = map[string]flagKind{
	"--zone":                                valueFlag,
	"--region":                              valueFlag,
	"--network":                             valueFlag,
	"--dest-group":                          valueFlag,
	"--network-interface":                   valueFlag,
	"--local-host-port":                     valueFlag,
	"--listen-on-stdin":                     switchFlag,
	"--iap-tunnel-disable-connection-check": switchFlag,
	"--iap-tunnel-url-override":             valueFlag,
	"--iap-tunnel-insecure-disable-websocket-cert-check": switchFlag,
	"--security-gateway":            valueFlag,
	"--use-dest-group":              switchFlag,
	"--project":                     valueFlag,
	"--account":                     valueFlag,
	"--configuration":               valueFlag,
	"--impersonate-service-account": valueFlag,
	"--access-token-file":           valueFlag,
	"--billing-project":             valueFlag,
	"--verbosity":                   valueFlag,
	"--quiet":                       switchFlag,
	"--no-user-output-enabled":      switchFlag,
	"--user-output-enabled":         switchFlag,
	"--log-http":                    switchFlag,
	"--no-log-http":                 switchFlag,
	"--flags-file":                  valueFlag,
	"--flatten":                     valueFlag,
	"--format":                      valueFlag,
	"--trace-token":                 valueFlag,
	"--help":                        switchFlag,
	"-h":                            switchFlag,
}

// notForGCloud are flags that are read and cannot be obeyed, with a way round.
var notForGCloud = []struct{ flag, fix string }{
	{"--iap-tunnel-insecure-disable-websocket-cert-check", "name the CA instead: gcloud config set core/custom_ca_certs_file FILE"},
	{"--security-gateway", ""},
	{"--use-dest-group", ""},
	{"--access-token-file", "set CLOUDSDK_AUTH_ACCESS_TOKEN to the token instead"},
	{"--flags-file", "give its flags on the command line"},
}

// scanGCloud reads a command line of gcloud's, without the program's name: the
// command's words may stand among flags, the release track before them.
func scanGCloud(argv []string) tunnelLine {
	t := tunnelLine{program: "gcloud", mode: ModeTunnel, flags: map[string]string{}}
	t.scan(gcloudBooleans(argv), startTunnelFlags)
	words, track := t.positionals, ""
	if len(words) > 0 && slices.Contains([]string{"alpha", "beta", "preview"}, words[0]) {
		words, track = words[1:], words[0]+"."
	}
	if len(words) < 2 || words[0] != "compute" || words[1] != "start-iap-tunnel" {
		t.mode = modeNotBuilt
		t.unsupported = strings.Join(append([]string{"--gcloud"}, words[:min(2, len(words))]...), " ")
		return t
	}
	t.positionals, t.speaker = words[2:], "gcloud."+track+"compute.start-iap-tunnel"
	if t.has("--help") || t.has("-h") {
		t.mode = ModeHelp
		return t
	}
	for _, n := range notForGCloud {
		if t.has(n.flag) && t.unsupported == "" {
			t.unsupported, t.fix = n.flag, n.fix
		}
	}
	switch {
	case len(t.positionals) < 2:
		t.problem = "argument " + strings.Join([]string{"INSTANCE_NAME", "INSTANCE_PORT"}[len(t.positionals):], " ") + ": Must be specified."
	case len(t.positionals) > 2:
		t.problem = "unrecognized arguments: " + strings.Join(t.positionals[2:], " ")
	case !t.isHostPort():
		t.problem = "argument INSTANCE_PORT: Value must be a number from 1 to 65535; received: " + t.positionals[1]
	}
	return t
}

// gcloudBooleans brings --FLAG=false, which gcloud's own switches allow, to
// --no-FLAG or to nothing.
func gcloudBooleans(argv []string) []string {
	var plain []string
	for i, arg := range argv {
		if arg == "--" {
			return append(plain, argv[i:]...)
		}
		name, value, attached := strings.Cut(arg, "=")
		kind, known := startTunnelFlags[name]
		_, opposite := startTunnelFlags["--no-"+strings.TrimPrefix(name, "--")]
		switch {
		case !attached || !known || kind != switchFlag:
			plain = append(plain, arg)
		case lower(value) == "true":
			plain = append(plain, name)
		case lower(value) != "false":
			plain = append(plain, arg) // an error
		case opposite:
			plain = append(plain, "--no-"+strings.TrimPrefix(name, "--"))
		}
	}
	return plain
}
