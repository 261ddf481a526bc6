package gce

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// RunRef names a workload of Cloud Run.
type RunRef struct {
	Project, Region string
	Type            string // service, job, worker_pool or instance
	Name            string
}

// Workload is what matters of one.
type Workload struct {
	Number         string   // of its project; empty if the API does not say it
	ServiceAccount string   // e-mail
	Revisions      []string // of a service, those that get a part of its traffic
	FirstGen       bool     // it runs in the first generation of execution environments, which have no SSH
}

func (r RunRef) String() string {
	return fmt.Sprintf("Cloud Run %s %s in region %s of project %s", strings.ReplaceAll(r.Type, "_", " "), r.Name, r.Region, r.Project)
}

// resources are what the Admin API and OS Login call each type. An instance is a service where SSH is concerned.
var resources = map[string]struct{ group, plural, signed string }{
	"service":     {"serving.knative.dev", "services", "services"},
	"job":         {"run.googleapis.com", "jobs", "jobs"},
	"worker_pool": {"run.googleapis.com", "workerpools", "workerPools"},
	"instance":    {"run.googleapis.com", "instances", "services"},
}

// Workload reads a workload, in Knative's shape, in which a project is a namespace.
//
// (Cloud Run Admin API v1, namespaces.{services,jobs,workerpools,instances}.get; gcloud takes the same fields for its "run … ssh".)
func (c *Client) Workload(ctx context.Context, ref RunRef) (Workload, error) {
	type accountOf struct{ ServiceAccountName string }
	var answer struct {
		Metadata struct{ Namespace string }
		Spec     struct {
			accountOf // an instance's
			Template  struct {
				Metadata struct{ Annotations map[string]string }
				Spec     struct {
					accountOf                          // a service's, or a worker pool's
					Template  struct{ Spec accountOf } // of a job's tasks
				}
			}
		}
		Status struct {
			Traffic []struct {
				RevisionName string
				Percent      int
			}
		}
	}
	at := resources[ref.Type]
	r := request{name: "run." + at.plural + ".get", method: http.MethodGet,
		url: c.run(ref.Region, "apis", at.group, "v1", "namespaces", ref.Project, at.plural, ref.Name)}
	if err := c.do(ctx, r, &answer); err != nil {
		return Workload{}, err
	}
	revision := answer.Spec.Template
	w := Workload{
		ServiceAccount: cmp.Or(revision.Spec.ServiceAccountName, answer.Spec.ServiceAccountName, revision.Spec.Template.Spec.ServiceAccountName),
		FirstGen:       revision.Metadata.Annotations["run.googleapis.com/execution-environment"] == "gen1",
	}
	if number := answer.Metadata.Namespace; strings.Trim(number, "0123456789") == "" {
		w.Number = number
	}
	for _, share := range answer.Status.Traffic {
		if share.Percent > 0 {
			w.Revisions = append(w.Revisions, share.RevisionName)
		}
	}
	return w, nil
}

// ChooseRevision picks the revision of a service that is meant if none was named. The error is a *RevisionError unless just one gets
// traffic.
func (w Workload) ChooseRevision(ref RunRef) (string, error) {
	if len(w.Revisions) != 1 {
		return "", &RevisionError{Ref: ref, Revisions: w.Revisions}
	}
	return w.Revisions[0], nil
}

// RevisionError says that it is not clear which revision of a service is meant.
type RevisionError struct {
	Ref       RunRef
	Revisions []string // that get traffic
}

func (e *RevisionError) Error() string {
	if len(e.Revisions) == 0 {
		return fmt.Sprintf("no revision of %s gets any traffic", e.Ref)
	}
	return fmt.Sprintf("%d revisions of %s share its traffic: %s", len(e.Revisions), e.Ref, strings.Join(e.Revisions, ", "))
}

// UndescribedError says that a workload could not be read.
type UndescribedError struct {
	Ref RunRef
	Err error // nil: what was read does not tell the project's number
}

func (e *UndescribedError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("the number of project %s cannot be learnt from %s", e.Ref.Project, e.Ref)
	}
	return fmt.Sprintf("%s cannot be read: %v", e.Ref, e.Err)
}

func (e *UndescribedError) Unwrap() error { return e.Err }

// GenerationError says that a workload runs where there is no SSH.
type GenerationError struct{ Ref RunRef }

func (e *GenerationError) Error() string {
	return fmt.Sprintf("%s runs in the first generation of Cloud Run's execution environments, which have no SSH", e.Ref)
}

// run is an address of the Admin API in a region, as only there a project can be a namespace.
func (c *Client) run(region string, path ...string) string {
	return address(c.Run, "https://"+url.PathEscape(region)+"-run.googleapis.com/", path)
}

// SignWorkloadKey has a certificate made for a public key, good for a workload with that service account; it returns the
// certificate's line. Of OS Login's versions only those before v1 know of workloads, and Google documents none of it; gcloud does so.
func (c *Client) SignWorkloadKey(ctx context.Context, email string, ref RunRef, account, key string) (string, error) {
	return c.sign(ctx, signing{
		version: "v1beta", email: email, project: ref.Project, region: ref.Region,
		body: map[string]string{
			"sshPublicKey":     key,
			"serviceAccount":   account,
			"cloudRunResource": fmt.Sprintf("projects/%s/locations/%s/%s/%s", ref.Project, ref.Region, resources[ref.Type].signed, ref.Name),
		},
	})
}

const (
	authoritiesURL  = "https://www.gstatic.com/cloud-run/ssh-ca-public-keys/keys-%s.pub"
	authoritiesTime = 10 * time.Second
)

// RunAuthorities reads whose signature a host key of a region's workloads bears, "TYPE BASE64" each. It is public, and asked for
// without a token.
func (c *Client) RunAuthorities(ctx context.Context, region string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, authoritiesTime)
	defer cancel()
	address := fmt.Sprintf(authoritiesURL, url.PathEscape(region))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, text, err := c.fetch(req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", address, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: HTTP status %s", address, resp.Status)
	}
	var keys []string
	for line := range bytes.Lines(text) {
		if fields := strings.Fields(string(line)); len(fields) >= 2 && !strings.HasPrefix(fields[0], "#") {
			keys = append(keys, fields[0]+" "+fields[1])
		}
	}
	return keys, nil
}
