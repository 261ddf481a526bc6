package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/configssh"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
)

// blocksFile is beside the user's ssh_config, which includes it.
const blocksFile = "iapssh_config"

// configSSH writes Host blocks for the VMs of the plan's projects, or takes them away. A project that cannot be listed leaves
// everything as it is: the blocks of its VMs would be lost.
func configSSH(ctx context.Context, plan config.Plan, messages *session.Messages) int {
	r, err := newRelay(plan, messages)
	if err != nil {
		return complain(messages, plan, err)
	}
	path, err := filepath.Abs(plan.Fleet.ConfigFile)
	if err != nil {
		return complain(messages, plan, err)
	}
	include := configssh.Include{
		File: filepath.Join(filepath.Dir(path), blocksFile), SSHDir: plan.SSHDir, Home: filepath.Dir(plan.SSHDir), Windows: runtime.GOOS == "windows",
	}
	var changes []configssh.Change
	example := ""
	if plan.Fleet.Remove {
		changes, err = configssh.Uninstall(include, path)
	} else {
		surveys := r.cloud.Survey(ctx, plan.Projects, plan.Fleet.Filter)
		code := 0
		for _, s := range surveys {
			if s.Err != nil {
				code = r.unlisted(ctx, s.Finding)
			}
		}
		if code != 0 {
			return code
		}
		var text string
		if text, example, err = r.blocks(ctx, surveys); err == nil {
			changes, err = configssh.Install(include, path, text)
		}
	}
	switch {
	case err != nil:
		return complain(messages, plan, err)
	case plan.Fleet.DryRun:
		return output(plan, messages, wouldChange(changes))
	}
	for _, change := range changes {
		if err := change.Apply(); err != nil {
			return complain(messages, plan, notWritten(err, change, plan.Fleet.Remove, include))
		}
	}
	return output(plan, messages, told(plan, changes, example))
}

// blocks is the text of the blocks, and the name of a VM among them. The key that they name is there afterwards, but for a dry run.
func (r *relay) blocks(ctx context.Context, surveys []vm.Survey) (text, example string, err error) {
	plan := r.plan
	if plan.UserGiven {
		if err := configssh.CheckUser(plan.User); err != nil {
			return "", "", err
		}
	}
	key, err := filepath.Abs(plan.KeyFile)
	if err == nil && !plan.Fleet.DryRun {
		plan.KeyFile = key
		_, err = r.cloud.MakeKey(plan)
	}
	if err != nil {
		return "", "", err
	}
	file := configssh.File{
		Program: ourselves(), Args: append([]string{"--ensure-key=" + key}, plan.Fleet.Args...), KeyFile: key,
		KnownHosts: []string{filepath.Join(plan.SSHDir, googleKnownHosts), filepath.Join(plan.SSHDir, "known_hosts")},
		Windows:    runtime.GOOS == "windows",
	}
	email := r.account(ctx)
	user := func(s vm.Survey, i gce.Instance) string {
		return vm.LoginOf(plan, email, s.Facts(i)).User
	}
	for _, s := range surveys {
		p := configssh.Project{ID: s.Project, User: user(s, gce.Instance{})}
		for _, i := range s.Instances {
			p.VMs = append(p.VMs, configssh.VM{Name: i.Name, Zone: i.Zone, ID: i.ID, User: user(s, i)})
			if example == "" {
				example = i.Name + "." + i.Zone + "." + s.Project
			}
		}
		file.Projects = append(file.Projects, p)
	}
	text, err = file.Text()
	return text, example, err
}

// wouldChange is what --dry-run prints.
func wouldChange(changes []configssh.Change) string {
	if len(changes) == 0 {
		return "Nothing would change.\n"
	}
	var b strings.Builder
	for _, c := range changes {
		if c.Remove {
			fmt.Fprintf(&b, "==> %s would be removed\n", c.Path)
		} else {
			fmt.Fprintf(&b, "==> %s would be:\n%s", c.Path, c.Text)
		}
	}
	return b.String()
}

// told is what has been done; it ends as gcloud's config-ssh does.
func told(plan config.Plan, changes []configssh.Change, example string) string {
	if plan.LogLevel < config.LogInfo {
		return ""
	}
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintln(&b, map[bool]string{false: "Wrote", true: "Removed"}[c.Remove], c.Path)
	}
	if len(changes) == 0 {
		fmt.Fprintln(&b, "Nothing has changed.")
	}
	if example != "" {
		fmt.Fprintf(&b, "You should now be able to use ssh/scp with your instances.\nFor example, try running:\n\n  $ ssh %s\n\n", report.Clean(example))
	}
	return b.String()
}

// notWritten says what the user can do about a file that others have in their hands, as those do that make it from a template.
func notWritten(err error, change configssh.Change, remove bool, include configssh.Include) error {
	theirs := errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
	switch {
	case change.Blocks || !theirs:
		return err
	case remove:
		return fmt.Errorf("%w; take this line out of %s yourself: %s", err, change.Path, include.Line())
	}
	return fmt.Errorf("%w; put this line at the top of %s yourself: %s", err, change.Path, include.Line())
}
