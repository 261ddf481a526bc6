package config

import (
	"regexp"
	"strings"
)

// A Mode is what the program was asked to be.
type Mode string

const (
	ModeSSH        Mode = "ssh"         // a session, or what -N and -s make of one
	ModeConfig     Mode = "config"      // -G: print Plan.Output
	ModeDryRun     Mode = "dry-run"     // --gcloud compute ssh --dry-run: print Plan.Output
	ModeQuery      Mode = "query"       // -Q: print what is supported of Plan.Query
	ModeStdio      Mode = "stdio"       // --listen-on-stdin: HOST PORT on stdin and stdout
	ModePlan       Mode = "plan"        // --explain VM: tell what would be done, and why, of Plan.Each
	ModeDoctor     Mode = "doctor"      // --doctor: say what is wrong on the way to the VM of Plan.Each
	ModeHostKeys   Mode = "host-keys"   // --host-keys: print what the VMs of Plan.Each have published
	ModeForget     Mode = "forget"      // --forget: drop what is remembered of Plan.VMs, or everything
	ModeList       Mode = "list"        // --list: Plan.Fleet, of Plan.Projects
	ModeConfigSSH  Mode = "config-ssh"  // --config-ssh: Host blocks for Plan.Fleet
	ModeCompletion Mode = "completion"  // --completion: a shell's part of it, or the names
	ModeTunnel     Mode = "tunnel"      // --tunnel: Plan.Tunnel, on local ports
	ModeVersion    Mode = "version"     // --version
	ModeSSHVersion Mode = "ssh-version" // -V, which programs grep for "OpenSSH_"
	ModeHelp       Mode = "help"        // --help
	ModeExplain    Mode = "explain"     // --explain CODE: what is known of Plan.Query
)

// HasOwnCodes says that the mode's exit codes are those of docs/exit-codes.md, and not ssh's.
func (m Mode) HasOwnCodes() bool {
	switch m {
	case ModeTunnel, ModeList, ModeConfigSSH, ModeCompletion, ModeDoctor, ModeHostKeys, ModePlan, ModeForget, ModeExplain:
		return true
	}
	return false
}

// modes are the flags that choose one, and only as the first argument.
var modes = map[string]Mode{
	"--version":    ModeVersion,
	"--help":       ModeHelp,
	"--tunnel":     ModeTunnel,
	"--list":       ModeList,
	"--completion": ModeCompletion,
	"--doctor":     ModeDoctor,
	"--explain":    ModePlan,
	"--config-ssh": ModeConfigSSH,
	"--host-keys":  ModeHostKeys,
	"--forget":     ModeForget,
	"--gcloud":     modeGCloud,
}

// modeGCloud is a command of gcloud's, which says what mode the plan has.
const modeGCloud Mode = "gcloud"

// modeOf decides what the program is asked to be, from its name and arguments
// alone and in this order: called as iapproxy, that program's grammar, or as an
// inventory, Ansible's; a mode flag of ours as the first argument, behind which
// --gcloud has gcloud's grammar; a tunnel flag before any "--" with positionals
// that are exactly HOST PORT; else ssh. Nothing inside a host name, a URL or a
// command can reach a mode.
func modeOf(program string, argv []string) (Mode, tunnelLine) {
	if name := baseName(program); name == "iapproxy" || name == "iap-proxy" {
		line := scanProxy(argv)
		return line.mode, line
	} else if name == InventoryProgram {
		return ModeList, scanFleet(ModeList, append([]string{"--list=ansible"}, argv...))
	}
	if len(argv) == 2 && argv[0] == "--explain" && errorCode.MatchString(argv[1]) {
		return ModeExplain, tunnelLine{}
	}
	if len(argv) > 0 {
		name, _, _ := strings.Cut(argv[0], "=")
		if mode := modes[name]; fleetFlags[mode] != nil {
			return mode, scanFleet(mode, argv)
		}
		if mode, ok := modes[argv[0]]; ok {
			if mode == ModeTunnel {
				return mode, scanOurs(argv[1:])
			}
			return mode, tunnelLine{}
		}
	}
	if t := scanTunnel(argv); t.mode != "" && t.isHostPort() {
		return t.mode, t
	}
	return ModeSSH, tunnelLine{}
}

// errorCode is what cannot be the name of a VM.
var errorCode = regexp.MustCompile(`^([0-9]+|[A-Za-z0-9]+(_[A-Za-z0-9]+)+)$`)

// baseName is the name of a program without its place, on any system, in lower
// case where it is Windows' and has an extension.
func baseName(path string) string {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	for _, ext := range []string{".exe", ".cmd", ".bat", ".ps1"} {
		if bare, ok := strings.CutSuffix(lower(name), ext); ok {
			return bare
		}
	}
	return name
}

// first returns the first that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
