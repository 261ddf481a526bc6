package config

import (
	"context"
	"slices"
	"strings"
)

// resolveConfigSSH makes the plan of "gcloud compute config-ssh": that of
// --config-ssh.
func resolveConfigSSH(ctx context.Context, g gcloudLine, effects Effects) (Plan, error) {
	failed := Plan{Mode: ModeConfigSSH, Speaker: g.speaker()}
	if words := slices.Concat(g.args, g.rest); g.problem == "" && len(words) > 0 {
		g.problem = "unrecognized arguments: " + strings.Join(words, " ")
	}
	if g.problem != "" {
		return failed, usage(g.problem)
	}
	argv := []string{"--config-ssh"}
	for _, name := range []string{"--project", "--account", "--configuration", "--impersonate-service-account", "--verbosity",
		"--ssh-config-file", "--ssh-key-file"} {
		if value, given := g.flags[name]; given {
			argv = append(argv, name+"="+value)
		}
	}
	for _, name := range []string{"--quiet", "--dry-run", "--remove"} {
		if g.on(name) {
			argv = append(argv, name)
		}
	}
	p, err := resolveFleet(ctx, scanFleet(ModeConfigSSH, argv), effects)
	p.Speaker, p.OverwriteKey = g.speaker(), g.on("--force-key-file-overwrite")
	return p, err
}
