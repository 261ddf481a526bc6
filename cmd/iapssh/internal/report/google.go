package report

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
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
	var unpublished *gce.UnpublishedError
	var homeless *gce.NoAddressError
	switch {
	case errors.As(err, &homeless):
		return failure(homeless.Error(), "-o IAP=yes reaches it through IAP").at(StageLookup, "no-address", false), true
	case errors.As(err, &unpublished):
		f := failure(unpublished.Error(), publishFix(unpublished.Ref)).at(StageAPI, "unpublished", false)
		if errors.As(unpublished.Err, &refused) {
			f = ofAPI(refused, unpublished.Ref.Project, facts)
			f.Cause = unpublished.Error()
		} else if f, ok := ofCredentials(unpublished.Err, facts); ok {
			return f, true
		}
		return f, true
	case errors.As(err, &several):
		f := Failure{Cause: several.Error(), Fix: fmt.Sprintf("say which: --zone=%s", strings.Join(several.Zones(), " or --zone="))}
		return f.at(StageLookup, "several", false), true
	case errors.As(err, &missing):
		f := Failure{Cause: missing.Error(), Fix: fmt.Sprintf("see: gcloud compute instances list --project=%s; if it is no VM, -o IAP=no dials it directly", missing.Projects[0])}
		return f.at(StageLookup, "not-found", false), true
	case errors.As(err, &unsearched):
		f := Failure{Stage: StageLookup, Retryable: true}
		if errors.As(unsearched.Err, &refused) {
			f = ofAPI(refused, unsearched.Project, facts)
		} else if f, ok := ofCredentials(unsearched.Err, facts); ok {
			return f, true
		}
		if f.Fix != "" {
			f.Fix = "; or " + f.Fix
		}
		f.Stage, f.Cause, f.Fix = StageLookup, unsearched.Error(), config.ZoneFix+f.Fix
		return f, true
	}
	if f, ok := ofWorkload(err, facts); ok {
		return f, true
	}
	if errors.As(err, &refused) {
		return ofAPI(refused, facts.Target.Project, facts), true
	}
	return Failure{}, false
}

// ofWorkload explains why it is not known how to reach a workload of Cloud Run.
func ofWorkload(err error, facts Facts) (Failure, bool) {
	var undescribed *gce.UndescribedError
	var revision *gce.RevisionError
	var generation *gce.GenerationError
	var refused *gce.Error
	switch {
	case errors.As(err, &generation):
		ref := generation.Ref
		fix := fmt.Sprintf("run: gcloud run services update %s --execution-environment=gen2 --region=%s --project=%s", ref.Name, ref.Region, ref.Project)
		return failure(generation.Error(), fix).at(StageLookup, "gen1", false), true
	case errors.As(err, &revision):
		ref := revision.Ref
		f := failure(revision.Error(), fmt.Sprintf("see: gcloud run revisions list --service=%s --region=%s --project=%s", ref.Name, ref.Region, ref.Project))
		if name := ref.Name + "/revisions/"; len(revision.Revisions) > 0 {
			f.Fix = "say which: " + name + strings.Join(revision.Revisions, " or "+name)
		}
		return f.at(StageLookup, "revision", false), true
	case errors.As(err, &undescribed):
		const number = "give --project-number=NUMBER, or IAPProjectNumber in ssh_config"
		f := Failure{Stage: StageLookup, Retryable: true, Fix: number}
		if errors.As(err, &refused) {
			f = ofAPI(refused, undescribed.Ref.Project, facts)
			f.Stage, f.Fix = StageLookup, strings.TrimPrefix(f.Fix+"; or "+number, "; or ")
		} else if f, ok := ofCredentials(err, facts); ok {
			return f, true
		}
		f.Cause = undescribed.Error()
		return f, true
	}
	return Failure{}, false
}

// ofAPI explains a refusal by an API.
func ofAPI(e *gce.Error, project string, facts Facts) Failure {
	d := details{facts: facts, err: e.Error(), mend: mendAPI(e, project, facts), permission: e.Permission, service: e.Service}
	code := e.Reason
	if code == "" || e.Status == http.StatusUnauthorized { // for which each API has several words
		code = strconv.Itoa(e.Status)
	}
	return d.failure(StageAPI, code)
}

// publishFix has a VM publish its host keys.
func publishFix(ref gce.Ref) string {
	return fmt.Sprintf("run: gcloud compute instances add-metadata %s --zone=%s --project=%s --metadata=enable-guest-attributes=TRUE "+
		"(its guest agent publishes them when it starts next)", ref.Name, ref.Zone, ref.Project)
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
		return facts.other() + fmt.Sprintf("have %s granted %s: gcloud projects add-iam-policy-binding %s --member=%s --role=%s",
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
	if strings.HasPrefix(permission, "run.") {
		return "roles/run.viewer"
	}
	return "roles/compute.viewer"
}
