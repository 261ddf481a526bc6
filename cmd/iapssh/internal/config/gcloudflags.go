package config

import (
	"slices"
	"strings"
)

// wideFlags are the flags that all of gcloud's commands have.
var wideFlags = map[string]flagKind{
	"--project":                     valueFlag,
	"--account":                     valueFlag,
	"--configuration":               valueFlag,
	"--impersonate-service-account": valueFlag,
	"--access-token-file":           valueFlag,
	"--billing-project":             valueFlag,
	"--verbosity":                   valueFlag,
	"--quiet":                       switchFlag,
	"--user-output-enabled":         switchFlag,
	"--log-http":                    switchFlag,
	"--flags-file":                  valueFlag,
	"--flatten":                     valueFlag,
	"--format":                      valueFlag,
	"--trace-token":                 valueFlag,
	"--help":                        switchFlag,
	"-h":                            switchFlag,
}

// tunnelWayFlags are those of all commands that go through IAP, the hidden ones
// included.
var tunnelWayFlags = map[string]flagKind{
	"--zone":                    valueFlag,
	"--region":                  valueFlag,
	"--network":                 valueFlag,
	"--dest-group":              valueFlag,
	"--network-interface":       valueFlag, // ours
	"--iap-tunnel-url-override": valueFlag,
	"--iap-tunnel-insecure-disable-websocket-cert-check": switchFlag,
	"--iap-tunnel-disable-connection-check":              switchFlag,
}

// startTunnelFlags are those of "gcloud compute start-iap-tunnel".
var startTunnelFlags = map[string]flagKind{
	"--local-host-port":  valueFlag,
	"--listen-on-stdin":  switchFlag,
	"--security-gateway": valueFlag,
	"--use-dest-group":   switchFlag,
}

// computeSSHFlags are those of "gcloud compute ssh".
var computeSSHFlags = map[string]flagKind{
	"--command":                  valueFlag,
	"--container":                valueFlag,
	"--dry-run":                  switchFlag,
	"--force-key-file-overwrite": switchFlag,
	"--internal-ip":              switchFlag,
	"--plain":                    switchFlag,
	"--ssh-flag":                 valueFlag,
	"--ssh-key-expiration":       valueFlag,
	"--ssh-key-expire-after":     valueFlag,
	"--ssh-key-file":             valueFlag,
	"--strict-host-key-checking": valueFlag,
	"--troubleshoot":             switchFlag,
	"--tunnel-through-iap":       switchFlag,
	"--verify-internal-ip":       switchFlag,
}

// configSSHFlags are those of "gcloud compute config-ssh".
var configSSHFlags = map[string]flagKind{
	"--dry-run":                  switchFlag,
	"--force-key-file-overwrite": switchFlag,
	"--remove":                   switchFlag,
	"--ssh-config-file":          valueFlag,
	"--ssh-key-file":             valueFlag,
}

// gcloudCommands are the commands whose place we take, and their own flags.
var gcloudCommands = map[string][]map[string]flagKind{
	"compute start-iap-tunnel": {wideFlags, tunnelWayFlags, startTunnelFlags},
	"compute ssh":              {wideFlags, tunnelWayFlags, computeSSHFlags},
	"compute config-ssh":       {wideFlags, configSSHFlags},
}

// findGCloudFlag finds a flag as it is written. off says that it is a switch's
// opposite; an unknown one has no name.
func findGCloudFlag(written string) (name string, kind flagKind, off bool) {
	if written == "-q" {
		written = "--quiet"
	}
	if kind, known := anyGCloudFlag(written); known {
		return written, kind, false
	}
	if plain, negated := strings.CutPrefix(written, "--no-"); negated {
		if kind, known := anyGCloudFlag("--" + plain); known && kind == switchFlag {
			return "--" + plain, kind, true
		}
	}
	return "", 0, false
}

// anyGCloudFlag finds a flag of any of the commands: none means two things.
func anyGCloudFlag(name string) (kind flagKind, known bool) {
	for _, flags := range []map[string]flagKind{wideFlags, tunnelWayFlags, startTunnelFlags, computeSSHFlags, configSSHFlags} {
		if kind, known = flags[name]; known {
			return kind, true
		}
	}
	return 0, false
}

func hasFlag(tables []map[string]flagKind, name string) bool {
	return slices.ContainsFunc(tables, func(flags map[string]flagKind) bool { _, ok := flags[name]; return ok })
}
