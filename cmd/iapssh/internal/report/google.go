package report

import (
	"errors"
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

// ofGoogle explains what Google's APIs refuse, and VMs that are not found by name.
func ofGoogle(err error, facts Facts) (Failure, bool) {
	var several *gce.AmbiguousError
	var missing *gce.NotFoundError
	var unsearched *gce.UnsearchedError
	var refused *gce.Error
	switch {
	case errors.As(err, &several):
		return failure(several.Error(), fmt.Sprintf("say which: --zone=%s", strings.Join(several.Zones(), " or --zone="))), true
	case errors.As(err, &missing):
		return failure(missing.Error(), fmt.Sprintf("see: gcloud compute instances list --project=%s; if it is no VM, -o IAP=no dials it directly", missing.Projects[0])), true
	case errors.As(err, &unsearched):
		fix := config.ZoneFix
		if errors.As(unsearched.Err, &refused) {
			if mend := mendAPI(refused, unsearched.Project, facts); mend != "" {
				fix += "; or " + mend
			}
		} else if f, ok := ofCredentials(unsearched.Err, facts); ok {
			return f, true
		}
		return failure(unsearched.Error(), fix), true
	case errors.As(err, &refused):
		return failure("Google refused "+refused.Error(), mendAPI(refused, facts.Target.Project, facts)), true
	}
	return Failure{}, false
}

// mendAPI is the command that makes an API take the call, empty if none is known.
func mendAPI(e *gce.Error, project string, facts Facts) string {
	switch {
	case e.Service != "":
		if consumer, ok := strings.CutPrefix(e.Consumer, "projects/"); ok {
			project = consumer
		}
		return fmt.Sprintf("run: gcloud services enable %s --project=%s", e.Service, project)
	case e.Permission != "":
		return fmt.Sprintf("have %s granted %s: gcloud projects add-iam-policy-binding %s --member=%s --role=%s",
			facts.who(), e.Permission, project, facts.member(), roleWith(e.Permission))
	}
	return ""
}

// roleWith names the smallest of Google's roles that has a permission.
func roleWith(permission string) string {
	switch permission {
	case "compute.instances.setMetadata", "compute.projects.setCommonInstanceMetadata":
		return "roles/compute.instanceAdmin.v1"
	case "compute.instances.osLogin":
		return "roles/compute.osLogin"
	}
	return "roles/compute.viewer"
}
