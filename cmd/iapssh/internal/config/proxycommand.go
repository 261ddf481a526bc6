package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A recognised is what a ProxyCommand means.
type recognised struct {
	route   Route  // RouteIAP, RouteJump, or RouteProxyCommand: it must be run
	reason  string // a clause for -v
	warning string // something is wrong with the line, but what it means is clear

	host   string      // of RouteIAP: the VM, or the host of a network
	port   int         // on it
	target iapSettings // what else the line says
	key    keySettings // that the line makes sure of
	wait   time.Duration
	jump   []string // of RouteJump: the command line to the jump host
}

// recognise reads a ProxyCommand that leads through IAP, so that it can be served
// in this process: gcloud's own lines, gcloud.py run by some Python, on Windows
// and through wsl too, iapproxy's, iapc's and our own. When unsure, it says that
// the line must be run as it is written, and why.
func recognise(line string, tokens tokens, goos string) recognised {
	words, err := shellWords(line, goos)
	if err != nil {
		return asWritten(err.Error())
	}
	x := expander{tokens: tokens}
	for i, word := range words {
		if words[i], err = x.expand(word); err != nil {
			return asWritten(err.Error())
		}
	}
	program, args := findProgram(words)
	switch program {
	case "gcloud":
		return readGCloud(args, tokens)
	case "iapproxy":
		return readIAPProxy(args)
	case "iapc":
		return readIAPC(args)
	case "iapssh":
		return readOurs(args)
	}
	return asWritten("it is none that is known to lead through IAP")
}

func asWritten(why string) recognised {
	return recognised{route: RouteProxyCommand, reason: "ProxyCommand is run as written: " + why}
}

// findProgram finds which of the known programs a command runs. What it is run by
// (exec, wsl, Python) and settings of gcloud's Python are passed over.
func findProgram(words []string) (program string, args []string) {
	for len(words) > 0 {
		word := words[0]
		if name, _, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "CLOUDSDK_PYTHON") {
			words = words[1:]
			continue
		}
		name := baseName(word)
		switch {
		case name == "exec":
			words = words[1:]
			continue
		case name == "wsl":
			words = afterWSL(words[1:])
			continue
		case strings.HasPrefix(name, "python"):
			return afterPython(words[1:])
		case slices.Contains([]string{"gcloud", "gcloud.py", "iapproxy", "iapc", "iapssh"}, name):
			return strings.TrimSuffix(name, ".py"), words[1:]
		}
		// C:\…\Google\Cloud SDK\…\gcloud.cmd, without the quotes it needs. gcloud
		// installs itself there, and cmd.exe finds it.
		if len(words) > 1 && isDrivePath(word) && strings.HasSuffix(word, `Cloud`) && strings.HasPrefix(words[1], `SDK`) {
			words = append([]string{word + " " + words[1]}, words[2:]...)
			continue
		}
		return "", nil
	}
	return "", nil
}

// afterWSL passes over the options of wsl.exe.
func afterWSL(words []string) []string {
	for len(words) > 0 {
		switch words[0] {
		case "-d", "--distribution", "-u", "--user", "--cd":
			words = words[min(2, len(words)):]
		case "-e", "--exec", "--":
			return words[1:]
		default:
			return words
		}
	}
	return nil
}

// afterPython finds gcloud.py behind an interpreter and its switches.
func afterPython(words []string) (program string, args []string) {
	for i, word := range words {
		switch {
		case len(word) == 2 && word[0] == '-' && strings.Contains("SEuBIsO", word[1:]):
		case baseName(word) == "gcloud.py":
			return "gcloud", words[i+1:]
		default:
			return "", nil
		}
	}
	return "", nil
}

func isDrivePath(s string) bool {
	return len(s) > 2 && 'a' <= s[0]|0x20 && s[0]|0x20 <= 'z' && s[1] == ':' && (s[2] == '\\' || s[2] == '/')
}

// proxyCommandFlags are the flags of gcloud that are obeyed in a ProxyCommand, or
// have nothing to say there; others make us unsure.
var proxyCommandFlags = []string{
	"--project", "--zone", "--region", "--network", "--dest-group", "--network-interface", "--account", "--configuration",
	"--impersonate-service-account", "--iap-tunnel-url-override", "--verbosity", "--ssh-flag", "--ssh-key-file",
	"--strict-host-key-checking", "--listen-on-stdin", "--iap-tunnel-disable-connection-check", "--quiet",
	"--user-output-enabled", "--tunnel-through-iap", "--plain",
}

// readGCloud reads "[beta] compute start-iap-tunnel VM PORT …" and
// "[beta] compute ssh VM … -- -W HOST:PORT".
func readGCloud(args []string, tokens tokens) recognised {
	g := parseGCloud(args)
	if g.problem != "" {
		return asWritten("gcloud's arguments are not understood: " + g.problem)
	}
	for name := range g.flags {
		if !slices.Contains(proxyCommandFlags, name) {
			return asWritten(fmt.Sprintf("gcloud's flag %s is not understood", name))
		}
	}
	switch {
	case g.command == "compute start-iap-tunnel" && len(g.args) == 2 && len(g.rest) == 0:
		return readTunnel("gcloud's tunnel", g.args[0], g.args[1], g.tunnelLine().flags)
	case g.command == "compute ssh" && len(g.args) == 1:
		return readNested(g, tokens)
	}
	return asWritten("it is no tunnel of gcloud's")
}

// readTunnel reads what gcloud, iapproxy and we have in common.
func readTunnel(what, host, port string, flags map[string]string) recognised {
	r := recognised{route: RouteIAP, reason: "ProxyCommand is " + what, host: host}
	var ok bool
	if r.port, ok = parsePort(port); !ok {
		return asWritten(fmt.Sprintf("%q is not a port", port))
	}
	r.target = tunnelLine{flags: flags}.target()
	if form, _, ok := instanceForm(host); ok && strings.Contains(host, "/") {
		r.host, r.target.projects, r.target.zone = form.Instance, []string{form.Project}, form.Zone
	}
	switch {
	case r.target.workload.Type != "":
	case r.target.region != "" && r.target.zone == "":
	case r.target.region != "" || r.target.network != "" || r.target.destGroup != "":
		return asWritten("--zone and --region exclude each other")
	case !instanceName.MatchString(r.host):
		return asWritten(fmt.Sprintf("%q is not the name of an instance", host))
	}
	if _, stdio := flags["--listen-on-stdin"]; !stdio {
		r.warning = "ProxyCommand lacks --listen-on-stdin; it is taken as if it had it"
	}
	return r
}

// readNested reads gcloud's ssh to a VM that passes the connection on: a jump.
func readNested(g gcloudLine, tokens tokens) recognised {
	forward := strings.Join(append(strings.Fields(strings.Join(g.sshFlags, " ")), g.rest...), " ")
	target, isForward := strings.CutPrefix(forward, "-W")
	target = strings.TrimSpace(target)
	switch {
	case !g.on("--tunnel-through-iap"):
		return asWritten("gcloud may not go through IAP without --tunnel-through-iap")
	case !isForward || target != tokens['h']+":"+tokens['p'] && target != "["+tokens['h']+"]:"+tokens['p']:
		return asWritten("gcloud's ssh does not just pass the connection on")
	}
	argv := []string{"-o", "IAP=yes"}
	for _, name := range []string{"--project", "--zone", "--account", "--configuration",
		"--impersonate-service-account", "--iap-tunnel-url-override"} {
		if value := g.flags[name]; value != "" {
			argv = append(argv, name+"="+value)
		}
	}
	if file := g.flags["--ssh-key-file"]; file != "" {
		argv = append(argv, "-i", file)
	}
	if checking := g.flags["--strict-host-key-checking"]; checking != "" {
		argv = append(argv, "-o", "StrictHostKeyChecking="+checking)
	}
	user, vm, _ := g.destination()
	if !instanceName.MatchString(vm) || strings.HasPrefix(g.args[0], "@") || !validUser(user) {
		return asWritten(fmt.Sprintf("%q is not the name of an instance", g.args[0]))
	}
	return recognised{route: RouteJump, reason: "ProxyCommand is gcloud's ssh to a jump host",
		jump: append(argv, "--", g.args[0])}
}

// readIAPProxy reads iapproxy's command line. Flags behind the positionals, which
// it would overlook, are taken for what they were meant to be.
func readIAPProxy(args []string) recognised {
	line := scanProxy(args)
	if line.problem != "" || line.overlooked {
		if line = scanTunnel(args); line.unknown != "" || line.valueless != "" || !line.isHostPort() {
			return asWritten("iapproxy's arguments are not understood")
		}
	}
	for _, name := range []string{"--local-host", "--local-port", "--local-host-port"} {
		if _, set := line.flags[name]; set {
			return asWritten("it listens on a local port")
		}
	}
	return readTunnel("iapproxy's tunnel", line.positionals[0], line.positionals[1], line.flags)
}

// readOurs reads our own tunnel grammar.
func readOurs(args []string) recognised {
	line := scanTunnel(args)
	wait, err := line.wait()
	if line.mode != ModeStdio || !line.isHostPort() || line.check() != nil || err != nil || line.unknown != "" || line.valueless != "" {
		return asWritten("it is not iapssh --listen-on-stdin HOST PORT")
	}
	r := readTunnel("iapssh's tunnel", line.positionals[0], line.positionals[1], line.flags)
	r.key, r.wait = line.keySettings(), wait
	return r
}

// iapcFlags are iapc's, to ours.
var iapcFlags = map[string]string{
	"--project": "--project", "--zone": "--zone", "-z": "--zone", "--interface": "--network-interface",
	"-i": "--network-interface", "--port": "port", "-p": "port", "--region": "--region", "-r": "--region",
	"--network": "--network", "-n": "--network", "--dest-group": "--dest-group", "-d": "--dest-group",
	"--log-level": "", "--token-scopes": "", "-s": "",
}

// readIAPC reads "to-instance VM" and "to-host HOST", flags anywhere. It only
// listens on a local port, so that a line that says where is not for us.
func readIAPC(args []string) recognised {
	flags := map[string]string{"--listen-on-stdin": "", "port": "22"}
	var words []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "-c" || arg == "--compress" {
			continue
		}
		if len(arg) < 2 || arg[0] != '-' {
			words = append(words, arg)
			continue
		}
		name, value, attached := strings.Cut(arg, "=")
		ours, known := iapcFlags[name]
		if !known {
			return asWritten(fmt.Sprintf("iapc's flag %s is not understood", name))
		}
		if !attached {
			if i++; i == len(args) {
				return asWritten(fmt.Sprintf("iapc's flag %s has no value", name))
			}
			value = args[i]
		}
		flags[ours] = value
	}
	if len(words) != 2 || words[0] != "to-instance" && words[0] != "to-host" {
		return asWritten("it is no tunnel of iapc's")
	}
	if (words[0] == "to-host") != (flags["--region"] != "") {
		return asWritten("iapc's flags do not go together")
	}
	return readTunnel("iapc's tunnel", words[1], flags["port"], flags)
}
