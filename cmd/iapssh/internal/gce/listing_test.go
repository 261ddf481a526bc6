package gce

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{ID: "42", External: "192.0.2.1", Windows: true, ServiceAccount: "not@asked.for",
			Metadata: map[string]string{"enable-oslogin": "TRUE"}, Labels: map[string]string{"env": "prod"}, Tags: []string{"web"}})
		for i := range 2*googletest.MaxPage + 1 {
			s.AddInstance(project, googletest.Instance{Name: fmt.Sprintf("vm-%03d", i), Zone: "europe-west1-a"})
		}
		all, err := c.List(t.Context(), project, "")
		if err != nil || len(all) != 2*googletest.MaxPage+2 || len(s.Calls()) != 3 {
			t.Fatalf("%d VMs in %d pages, %v", len(all), len(s.Calls()), err)
		}
		want := Instance{
			Ref: ref, ID: "42", Status: "RUNNING", Windows: true, Labels: map[string]string{"env": "prod"}, Tags: []string{"web"},
			Interfaces: []Interface{{Name: "nic0", Internal: "10.132.0.2", External: "192.0.2.1"}},
		}
		if last := all[len(all)-1]; !reflect.DeepEqual(last, want) || all[0].Name != "vm-000" {
			t.Errorf("from %s to %+v", all[0].Name, last)
		}

		some, err := c.List(t.Context(), project, "labels.env=prod AND name eq v.*", "enable-oslogin")
		if err != nil || len(some) != 1 || !Enabled("enable-oslogin", some[0].Metadata, Metadata{}) {
			t.Errorf("%+v, %v", some, err)
		}
		if _, err := c.List(t.Context(), project, "colour=red"); err == nil || !strings.Contains(err.Error(), "'colour=red'") {
			t.Error(err)
		}
		s.Revoke("compute.instances.list")
		findings := c.ListEach(t.Context(), []string{project, "another"}, "")
		if len(findings) != 2 || !isDenied(findings[0].Err) || findings[1].Project != "another" {
			t.Errorf("%+v", findings)
		}
	})
}

// heavy has VMs of so much metadata that no more than 25 of them go into an answer.
type heavy struct{ google http.RoundTripper }

func (h heavy) RoundTrip(r *http.Request) (*http.Response, error) {
	if size, err := strconv.Atoi(r.URL.Query().Get("maxResults")); err != nil || size > 25 {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(make([]byte, maxBody+1)))}, nil
	}
	return h.google.RoundTrip(r)
}

// A page that is too large for one answer comes in halves; of the metadata only what was asked for stays.
func TestListOfLargeMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		for i := range 40 {
			s.AddInstance(project, googletest.Instance{Name: fmt.Sprintf("vm-%03d", i), Zone: "europe-west1-a",
				Metadata: map[string]string{"enable-oslogin": "TRUE", "startup-script": "much"}})
		}
		c.HTTP = &http.Client{Transport: heavy{c.HTTP.Transport}}
		all, err := c.List(t.Context(), project, "", "enable-oslogin")
		if err != nil || len(all) != 41 || len(s.Calls()) != 2 {
			t.Fatalf("%d VMs on %d pages, %v", len(all), len(s.Calls()), err)
		}
		if m := all[0].Metadata; len(m.Items) != 1 || !Enabled("enable-oslogin", m, Metadata{}) {
			t.Errorf("%d items of metadata", len(m.Items))
		}
	})
}

// What is in a zone that the API could not ask is not known: that is not to say that nothing is there.
func TestUnreachableZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		s.Unreach(zone)
		var refused *Error
		if all, err := c.List(t.Context(), project, ""); !errors.As(err, &refused) || !strings.Contains(refused.Message, zone) {
			t.Errorf("%+v, %v", all, err)
		}
		if _, err := Choose("vm", "", c.Find(t.Context(), []string{project}, "vm")); !errors.As(err, new(*UnsearchedError)) {
			t.Error(err)
		}
		s.Unreach("us-central1-a")
		if found, err := c.Named(t.Context(), project, "vm"); err != nil || len(found) != 1 {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// endless always has another page.
type endless struct{ pages int }

func (e *endless) RoundTrip(*http.Request) (*http.Response, error) {
	e.pages++
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"nextPageToken": "more"}`))}, nil
}

func TestListIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newCloud(googletest.Instance{})
		server := &endless{}
		c.HTTP = &http.Client{Transport: server}
		if _, err := c.List(t.Context(), project, ""); err == nil || server.pages != maxPages {
			t.Errorf("%v after %d pages", err, server.pages)
		}
	})
}
