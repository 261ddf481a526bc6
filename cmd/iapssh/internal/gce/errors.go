package gce

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Error is an API's refusal. Message is the API's own text: it has not been made fit for a terminal.
type Error struct {
	Call    string // "compute.instances.get"
	Status  int    // of HTTP
	Reason  string // Google's word: "notFound", "forbidden", "SERVICE_DISABLED"; may be empty
	Message string
	// Permission is the one that is missing, where the API or the call says so; empty for other refusals.
	Permission string
	// Service is the API that is switched off for a project ("compute.googleapis.com"), and Consumer whose; else empty.
	Service, Consumer string

	retryAfter time.Duration
}

func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s: HTTP status %d %s", e.Call, e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%s: %s (%d)", e.Call, e.Message, e.Status)
}

// errTooLarge says that an answer was not read to its end.
var errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxBody>>20)

// busy says that the same request may succeed in a while.
func (e *Error) busy() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return e.Reason == "rateLimitExceeded" || e.Reason == "RATE_LIMIT_EXCEEDED"
}

// IsNotFound says that there is no such thing, or that the caller may not know of it.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// isDenied says that the caller may not make the call.
func isDenied(err error) bool { return hasStatus(err, http.StatusForbidden) }

// isStale says that what was to be changed has changed since it was read.
func isStale(err error) bool { return hasStatus(err, http.StatusPreconditionFailed) }

func hasStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// newError reads both shapes of Google's errors: compute's, with a list of reasons, and that of the others, with typed details.
func newError(call string, resp *http.Response, body []byte) *Error {
	var answer struct {
		Error struct {
			Message string
			Status  string
			Errors  []struct{ Reason string }
			Details []struct {
				Type     string `json:"@type"`
				Reason   string
				Metadata map[string]string
			}
		}
	}
	e := &Error{Call: call, Status: resp.StatusCode, retryAfter: retryAfter(resp.Header)}
	if json.Unmarshal(body, &answer) != nil { // a page of a front end or a proxy
		return e
	}
	e.Message, e.Reason = answer.Error.Message, answer.Error.Status
	for _, listed := range answer.Error.Errors {
		e.Reason = listed.Reason
		break
	}
	for _, detail := range answer.Error.Details {
		if detail.Type != "type.googleapis.com/google.rpc.ErrorInfo" || detail.Reason == "" {
			continue
		}
		e.Reason, e.Permission = detail.Reason, detail.Metadata["permission"]
		if detail.Reason == "SERVICE_DISABLED" {
			e.Service, e.Consumer = detail.Metadata["service"], detail.Metadata["consumer"]
		}
		break
	}
	if e.Status == http.StatusForbidden && e.Permission == "" && (e.Reason == "forbidden" || e.Reason == "PERMISSION_DENIED") {
		e.Permission = permissions[call]
	}
	return e
}

// permissions names what a call needs where that is not said in the refusal.
var permissions = map[string]string{
	"compute.instances.aggregatedList":           "compute.instances.list",
	"compute.instances.get":                      "compute.instances.get",
	"compute.instances.getGuestAttributes":       "compute.instances.getGuestAttributes",
	"compute.instances.getEffectiveFirewalls":    "compute.instances.getEffectiveFirewalls",
	"compute.instances.setMetadata":              "compute.instances.setMetadata",
	"compute.projects.get":                       "compute.projects.get",
	"compute.projects.setCommonInstanceMetadata": "compute.projects.setCommonInstanceMetadata",
	"compute.zoneOperations.wait":                "compute.zoneOperations.get",
	"compute.globalOperations.wait":              "compute.globalOperations.get",
	"run.services.get":                           "run.services.get",
	"run.jobs.get":                               "run.jobs.get",
	"run.workerpools.get":                        "run.workerpools.get",
	"run.instances.get":                          "run.instances.get",
}
