package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
)

// explainPlans tells what would be done to reach hosts, and why: what the command line, the files and the cache say. It asks
// nobody and changes nothing.
func explainPlans(plan config.Plan, out io.Writer) int {
	for i, one := range plan.Each {
		if i > 0 {
			fmt.Fprintln(out)
		}
		for _, line := range explanation(one) {
			fmt.Fprintf(out, "%-10s %s\n", line[0], report.Clean(line[1]))
		}
	}
	return 0
}

// explanation is pairs of a subject and what is decided about it.
func explanation(plan config.Plan) (lines [][2]string) {
	say := func(subject, format string, args ...any) {
		lines = append(lines, [2]string{subject, fmt.Sprintf(format, args...)})
	}
	say("host", "%s, port %d", plan.Host, plan.Port)
	say("route", "%s: %s", plan.Route, plan.RouteReason)
	if plan.RouteFix != "" {
		say("", "%s", plan.RouteFix)
	}
	if err := plan.Lacks(); err != nil {
		say("", "%v", err)
	}
	if plan.ToWorkload() {
		return append(lines, explainWorkload(plan)...)
	}
	if !plan.ToVM() && plan.Route != config.RouteLookup {
		say("user", "%s", plan.User)
		return lines
	}
	say("project", "%s", sourced(plan.IAP.Project, plan.ProjectFrom, "is searched for in "+strings.Join(plan.Projects, ", ")))
	say("zone", "%s", sourced(plan.IAP.Zone, plan.ZoneFrom, "is looked up by the name"))
	account, origin := offlineAccount(plan)
	say("account", "%s", sourced(account, origin, "not known"))
	facts, known := vm.Peek(seenCache(), account, plan)
	if known {
		say("cache", "%s", facts)
	} else {
		say("cache", "nothing is known of the VM yet")
	}
	login := vm.LoginOf(plan, account, facts)
	say("user", "%s: %s", login.User, login.Why)
	for i, path := range keyFiles(plan) {
		say([]string{"keys", ""}[min(i, 1)], "%s%s", path, presence(path))
	}
	say("", "then the agent's; at most %d in a connection", vm.MaxOffers)
	say("push", "%s", pushing(plan))
	say("host key", "%s", hostKeyProof(plan, facts))
	return lines
}

// explainWorkload is the same for a workload of Cloud Run.
func explainWorkload(plan config.Plan) [][2]string {
	account, origin := offlineAccount(plan)
	revision := "is none"
	if plan.IAP.WantsRevision() {
		revision = "the one that serves, which is looked up"
	} else if _, named, ok := strings.Cut(plan.IAP.Instance, "/revisions/"); ok {
		revision = named
	}
	key := plan.KeyFile + presence(plan.KeyFile) + ", certified by OS Login for the workload"
	if plan.PushKey == "no" {
		key = "only what CertificateFile and the agent have: --no-push, --plain or IAPPushKey no"
	}
	return [][2]string{
		{"project", sourced(plan.IAP.Project, plan.ProjectFrom, "not known")},
		{"number", cmp.Or(plan.IAP.Workload.ProjectNumber, "is looked up with the workload")},
		{"region", cmp.Or(plan.IAP.Region, "not known")},
		{"revision", revision},
		{"account", sourced(account, origin, "not known")},
		{"user", plan.User},
		{"key", key},
		{"host key", fmt.Sprintf("known as %s, by the authorities that Google publishes for the region, or in %s", plan.HostKeyAlias, strings.Join(plan.UserKnownHostsFiles, ", "))},
	}
}

func sourced(value, from, without string) string {
	if value == "" {
		return without
	}
	return value + ", from " + cmp.Or(from, "nobody knows where")
}

// offlineAccount is who would ask Google, as far as that is known without asking.
func offlineAccount(plan config.Plan) (account, origin string) {
	if plan.GCloud.NoCredentials {
		return plan.GCloud.Account, "gcloud's configuration; no token is sent: auth/disable_credentials"
	}
	source, err := creds.Find(context.Background(), creds.Environment{Metadata: func(context.Context, string) ([]byte, error) {
		return nil, os.ErrNotExist
	}}, wish(plan))
	var none *creds.NotFoundError
	switch {
	case errors.As(err, &none):
		return plan.GCloud.Account, "gcloud's configuration, and no credential is found"
	case err != nil:
		return plan.GCloud.Account, err.Error()
	}
	return cmp.Or(source.Principal(), plan.GCloud.Account), source.Origin()
}

// keyFiles are the files that are offered, in their order.
func keyFiles(plan config.Plan) []string {
	switch {
	case !plan.IdentitiesExplicit:
		return append([]string{plan.KeyFile}, plan.IdentityFiles...)
	case !plan.IdentitiesOnly:
		return append(slices.Clone(plan.IdentityFiles), plan.KeyFile)
	}
	return plan.IdentityFiles
}

func presence(path string) string {
	if _, err := os.Stat(path); err != nil {
		return " (not there)"
	}
	return ""
}

func pushing(plan config.Plan) string {
	switch plan.PushKey {
	case "no":
		return "never: --no-push, --plain or IAPPushKey no"
	case "auto":
		return fmt.Sprintf("%s, if all are refused: into the OS Login profile; into the VM's metadata only after a yes; for %v", plan.KeyFile, plan.KeyLifetime)
	}
	return fmt.Sprintf("%s, if all are refused: into the OS Login profile, or the metadata of the %s; for %v", plan.KeyFile, plan.PushKey, plan.KeyLifetime)
}

// hostKeyProof says by what the host is known.
func hostKeyProof(plan config.Plan, facts vm.Facts) string {
	name := cmp.Or(plan.HostKeyAlias, proofOf(facts).Name, plan.IAP.FullName())
	files := plan.UserKnownHostsFiles
	if facts.ID != "" && !plan.KnownHostsGiven {
		files = append([]string{plan.SSHDir + "/" + googleKnownHosts}, files...)
	}
	text := fmt.Sprintf("known as %s, in %s", name, strings.Join(files, ", "))
	if len(facts.HostKeys) > 0 {
		text += "; proved by its guest attributes"
	}
	return text + "; StrictHostKeyChecking " + plan.StrictHostKeyChecking
}

// explain prints what is known of an error's code.
func explain(plan config.Plan) int {
	text, ok := report.Explain(plan.Query)
	if !ok {
		return complain(os.Stderr, plan, &config.UsageError{Ours: true, Text: fmt.Sprintf("nothing is known of code %q", plan.Query)})
	}
	io.WriteString(os.Stdout, text)
	return 0
}
