package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/completion"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/list"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
	"github.com/iapssh/iapssh/transport/iap"
)

// listVMs shows the VMs of the plan's projects. Of several projects those that can be listed are shown; that one cannot is a failure
// nevertheless.
func listVMs(ctx context.Context, plan config.Plan, messages *session.Messages) int {
	r, err := newRelay(plan, messages)
	if err != nil {
		return complain(messages, plan, err)
	}
	var vms []list.VM
	code := 0
	for _, finding := range r.cloud.List(ctx, plan.Projects, plan.Fleet.Filter) {
		if finding.Err != nil {
			code = r.unlisted(ctx, finding)
		}
		for _, i := range finding.Instances {
			if plan.Fleet.Zone == "" || plan.Fleet.Zone == i.Zone {
				vms = append(vms, list.Of(i))
			}
		}
	}
	if err := show(os.Stdout, plan.Fleet, vms); err != nil {
		return complain(messages, plan, err)
	}
	if len(vms) == 0 && code == 0 && plan.LogLevel >= config.LogInfo {
		fmt.Fprintln(messages, "Listed 0 items.")
	}
	return code
}

func show(w io.Writer, fleet config.Fleet, vms []list.VM) error {
	switch {
	case fleet.Format == "json":
		return list.JSON(w, vms)
	case fleet.Format == "ansible" && fleet.Host != "":
		return list.InventoryHost(w, vms, fleet.Host)
	case fleet.Format == "ansible":
		return list.Inventory(w, vms, ourselves())
	}
	return list.Table(w, vms)
}

// unlisted reports that a project could not be listed, and gives the exit code.
func (r *relay) unlisted(ctx context.Context, finding gce.Finding) int {
	facts := r.facts(ctx, finding.Err)
	facts.Target = iap.Target{Project: finding.Project}
	failure := report.Of(finding.Err, facts)
	failure.Cause = "project " + finding.Project + ": " + failure.Cause
	return r.concede(failure, finding.Err)
}

// ourselves is the path by which this program was started: a link stays a link, which outlives the version that it leads to. As an
// inventory we are no ssh: then it is what a link of that name leads to, or else who is called iapssh.
func ourselves() string {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		path, _ = os.Executable() // or nobody knows
	}
	isInventory := func() bool { return strings.HasPrefix(filepath.Base(path), config.InventoryProgram) }
	if isInventory() {
		path, _ = filepath.EvalSymlinks(path)
	}
	if isInventory() {
		path = "iapssh"
	}
	return path
}

// complete prints what a shell needs to complete names of VMs, or the names.
func complete(plan config.Plan, messages *session.Messages) int {
	if plan.Fleet.Format != "names" {
		return output(plan, messages, completion.Script(plan.Fleet.Format))
	}
	var b strings.Builder
	for _, name := range vm.Names(seenCache(), plan.Projects) {
		fmt.Fprintln(&b, name)
	}
	return output(plan, messages, b.String())
}
