package gce

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
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
		all, err := c.List(t.Context(), project, "", false)
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

		some, err := c.List(t.Context(), project, "labels.env=prod AND name eq v.*", true)
		if err != nil || len(some) != 1 || !Enabled("enable-oslogin", some[0].Metadata, Metadata{}) {
			t.Errorf("%+v, %v", some, err)
		}
		if _, err := c.List(t.Context(), project, "colour=red", false); err == nil || !strings.Contains(err.Error(), "'colour=red'") {
			t.Error(err)
		}
		s.Revoke("compute.instances.list")
		findings := c.ListEach(t.Context(), []string{project, "another"}, "", false)
		if len(findings) != 2 || !IsDenied(findings[0].Err) || findings[1].Project != "another" {
			t.Errorf("%+v", findings)
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
		if _, err := c.List(t.Context(), project, "", false); err == nil || server.pages != maxPages {
			t.Errorf("%v after %d pages", err, server.pages)
		}
	})
}
