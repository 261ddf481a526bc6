package config

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// resolveComputeSSH makes the plan of "gcloud compute ssh": that of the command
// line of ours which means the same.
func resolveComputeSSH(ctx context.Context, program string, g gcloudLine, effects Effects) (Plan, error) {
	failed := Plan{Mode: ModeSSH, Speaker: g.speaker()}
	if err := g.checkSSH(); err != nil {
		return failed, err
	}
	if g.on("--troubleshoot") {
		return g.troubleshoot(ctx, effects)
	}
	words, err := g.sshWords(ctx, effects)
	if err != nil {
		return failed, err
	}
	argv, err := g.sshArgv(words, effects.Now())
	if err != nil {
		return failed, err
	}
	if g.on("--dry-run") {
		return Plan{Mode: ModeDryRun, Output: g.dryRun(program, argv)}, nil
	}
	p, err := resolveSession(ctx, argv, effects)
	p.Speaker = g.speaker()
	if err != nil {
		p.Mode = ModeSSH
		return p, err
	}
	// gcloud's own questions are not asked; those of ssh, for a password or about a
	// host key, are.
	p.NoPrompts = p.NoPrompts || g.on("--quiet")
	return p, nil
}

// checkSSH says what is wrong with a line, in gcloud's words.
func (g gcloudLine) checkSSH() error {
	switch {
	case g.problem != "":
		return usage(g.problem)
	case len(g.args) == 0:
		return usage("argument [USER@]INSTANCE: Must be specified.")
	case len(g.args) > 1:
		return usage("unrecognized arguments: " + strings.Join(g.args[1:], " ") + " (what is for ssh goes behind --)")
	case strings.Count(g.args[0], "@") > 1 || strings.HasPrefix(g.args[0], "@"):
		return usage("Expected argument of the form [USER@]INSTANCE; received [" + g.args[0] + "].")
	case g.on("--internal-ip") && g.on("--tunnel-through-iap"):
		return usage("argument --internal-ip: At most one of --internal-ip | --tunnel-through-iap can be specified.")
	case g.has("--ssh-key-expiration") && g.has("--ssh-key-expire-after"):
		return usage("argument --ssh-key-expiration: At most one of --ssh-key-expiration | --ssh-key-expire-after can be specified.")
	case g.has("--region") != g.has("--network"), g.has("--dest-group") && !g.has("--region"):
		return usage("argument --network --region: Must be specified together.")
	}
	if checking := g.flags["--strict-host-key-checking"]; g.has("--strict-host-key-checking") && !slices.Contains([]string{"ask", "no", "yes"}, checking) {
		return usage("argument --strict-host-key-checking: Invalid choice: '" + checking + "'. Valid choices are [ask, no, yes].")
	}
	return excludeEachOther(g.flags)
}

// troubleshoot makes the plan that says what is wrong on the way to the VM, which
// is IAP's unless an address was asked for. Nothing is run there.
func (g gcloudLine) troubleshoot(ctx context.Context, effects Effects) (Plan, error) {
	g.flags = maps.Clone(g.flags)
	delete(g.flags, "--command")
	delete(g.flags, "--container")
	if g.iap() == "fallback" {
		g.flags["--tunnel-through-iap"] = "true"
	}
	argv, err := g.sshArgv(sshWords{}, effects.Now())
	if err != nil {
		return Plan{Mode: ModeDoctor, Speaker: g.speaker()}, err
	}
	p, err := resolveDoctor(ctx, append([]string{"--doctor"}, argv...), effects)
	p.Speaker = g.speaker()
	return p, err
}

// sshFlagsOfOurs are the flags of gcloud's that are ours as well.
var sshFlagsOfOurs = []string{"--project", "--zone", "--network-interface", "--region", "--network", "--dest-group",
	"--account", "--configuration", "--impersonate-service-account", "--iap-tunnel-url-override"}

// destination is [USER@]INSTANCE, where INSTANCE may be the URL of a resource.
func (g gcloudLine) destination() (user, host string, form Target) {
	user, host, hasUser := strings.Cut(g.args[0], "@")
	if !hasUser {
		user, host = "", g.args[0]
	}
	if strings.Contains(host, "/") {
		form, _, _ = instanceForm(host)
		host = first(form.Instance, host)
	}
	return user, host, form
}

// sshArgv is the command line of ours that does what gcloud would have ssh do.
// What gcloud has on ssh's command line is there, and so beats ssh_config.
func (g gcloudLine) sshArgv(words sshWords, now time.Time) ([]string, error) {
	argv := []string{"-t"}
	if g.flags["--command"] != "" {
		argv[0] = "-T"
	}
	option := func(name, value string) { argv = append(argv, "-o", name+"="+value) }
	level, err := g.logLevel()
	if err != nil {
		return nil, err
	}
	if level != LogInfo {
		option("LogLevel", level.String())
	}
	option("IAP", g.iap())
	user, host, form := g.destination()
	option("HostName", optionValue(host))
	if form.Project != "" {
		argv = append(argv, "--project="+form.Project, "--zone="+form.Zone)
	}
	for _, name := range sshFlagsOfOurs {
		if value, given := g.flags[name]; given && !(form.Project != "" && (name == "--project" || name == "--zone")) {
			argv = append(argv, name+"="+value)
		}
	}
	if argv, err = g.keyFlags(argv, now); err != nil {
		return nil, err
	}
	if checking := g.flags["--strict-host-key-checking"]; checking != "" {
		argv = append(argv, "-o", "StrictHostKeyChecking="+checking)
	}
	if user != "" {
		option("IAPUser", "oslogin")
		host = user + "@" + host
	}
	argv = slices.Concat(argv, words.flags, []string{host}, words.rest)
	return append(argv, g.remoteCommand()...), nil
}

// optionValue is a value for -o that stands for itself.
func optionValue(value string) string {
	value = strings.ReplaceAll(value, "%", "%%")
	if !strings.ContainsAny(value, " \t\"'\\#") {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// iap is the way to the host: gcloud takes IAP only if it is told to, or if the VM
// has no external address.
func (g gcloudLine) iap() string {
	switch {
	case g.on("--internal-ip"):
		return "internal"
	case g.on("--tunnel-through-iap"), g.has("--region"):
		return "yes"
	case g.has("--tunnel-through-iap"):
		return "external"
	}
	return "fallback"
}

// keyFlags appends what is about the user's key. A key that was named is the only
// one, as with gcloud; the one by default is the first of all that there are.
func (g gcloudLine) keyFlags(argv []string, now time.Time) ([]string, error) {
	if g.on("--plain") || g.has("--region") {
		return append(argv, "--plain"), nil
	}
	if file := g.flags["--ssh-key-file"]; file != "" {
		argv = append(argv, "--ssh-key-file="+strings.ReplaceAll(file, "%", "%%"), "-o", "IdentityFile="+optionValue(file), "-o", "IdentitiesOnly=yes")
	}
	if g.on("--force-key-file-overwrite") {
		argv = append(argv, "--force-key-file-overwrite")
	}
	life, err := g.keyLife(now)
	if err == nil && life > 0 {
		argv = append(argv, fmt.Sprintf("--ssh-key-expire-after=%ds", int(life.Seconds())))
	}
	return argv, err
}

// remoteCommand is gcloud's, behind "--".
func (g gcloudLine) remoteCommand() []string {
	command, container := g.flags["--command"], g.flags["--container"]
	switch {
	case container != "" && command != "":
		command = "sudo docker exec -i " + container + " " + command
	case container != "":
		command = "sudo docker exec -it " + container + " /bin/sh"
	}
	if command == "" {
		return nil
	}
	return []string{"--", command}
}

// logLevel is that of our messages. gcloud's verbosity silences gcloud, not ssh.
func (g gcloudLine) logLevel() (LogLevel, error) {
	level, err := tunnelLine{flags: g.flags}.logLevel()
	level = max(level, LogError)
	switch {
	case g.on("--log-http"):
		level = max(level, LogDebug1)
	case g.flags["--user-output-enabled"] == "false":
		level = min(level, LogError)
	}
	return level, err
}

// dryRun is the line for a shell that does what would be done.
func (g gcloudLine) dryRun(program string, argv []string) string {
	var words []string
	for _, flag := range slices.Sorted(maps.Keys(propertyFlags)) {
		if value, given := g.flags[flag]; given {
			words = append(words, propertyFlags[flag]+"="+shellQuote(value))
		}
	}
	for _, word := range append([]string{program}, argv...) {
		words = append(words, shellQuote(word))
	}
	return strings.Join(words, " ") + "\n"
}

// shellQuote quotes a word that a POSIX shell would not take as it is.
func shellQuote(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_=+./:,@%", r))
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// sshWords are what is for ssh: flags before the host, and words behind it.
type sshWords struct{ flags, rest []string }

// sshWords reads --ssh-flag, whose values hold several words each, and what stands
// behind "--". %USER%, %INSTANCE% and %INTERNAL% are what only Google can tell.
func (g gcloudLine) sshWords(ctx context.Context, effects Effects) (sshWords, error) {
	w := sshWords{rest: slices.Clone(g.rest)}
	for _, value := range g.sshFlags {
		w.flags = append(w.flags, strings.Fields(value)...)
	}
	if !slices.ContainsFunc(slices.Concat(w.flags, w.rest), namesVM) {
		return w, nil
	}
	argv, err := g.sshArgv(sshWords{}, effects.Now())
	if err != nil {
		return w, err
	}
	p, err := resolveSession(ctx, argv, effects)
	if err != nil {
		return w, err
	}
	if effects.DescribeVM == nil {
		return w, usage("%USER%, %INSTANCE% and %INTERNAL% are not known")
	}
	vm, err := effects.DescribeVM(ctx, p)
	if err != nil {
		return w, err
	}
	replacer := strings.NewReplacer("%USER%", vm.User, "%INSTANCE%", vm.Address, "%INTERNAL%", vm.Internal)
	for _, words := range [][]string{w.flags, w.rest} {
		for i, word := range words {
			words[i] = replacer.Replace(word)
		}
	}
	return w, nil
}

func namesVM(word string) bool {
	return strings.Contains(word, "%USER%") || strings.Contains(word, "%INSTANCE%") || strings.Contains(word, "%INTERNAL%")
}
