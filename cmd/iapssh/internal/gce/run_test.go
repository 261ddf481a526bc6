package gce

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// A workload of each type tells the same in another place.
func TestWorkloads(t *testing.T) {
	for _, kind := range []string{"service", "job", "worker_pool", "instance"} {
		synctest.Test(t, func(t *testing.T) {
			s, c := newCloud(googletest.Instance{})
			c.Run = s.RunURL()
			w := googletest.RunWorkload{Type: kind, Region: "europe-west1", Name: "w", ServiceAccount: "run@x", FirstGen: kind == "service"}
			want := Workload{Number: s.ProjectNumber(project), ServiceAccount: "run@x", FirstGen: kind == "service"}
			if kind == "service" {
				w.Traffic, want.Revisions = map[string]int{"w-1": 0, "w-2": 100}, []string{"w-2"}
			}
			s.AddRunWorkload(project, w)
			at := RunRef{project, "europe-west1", kind, "w"}
			got, err := c.Workload(t.Context(), at)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, %v", kind, got, err)
			}
			s.SignKey = func(key, user string) string { return user + "'s " + key }
			for account, user := range map[string]string{"run@x": "root", "another@x": "nobody"} {
				if cert, err := c.SignWorkloadKey(t.Context(), email, at, account, aKey); err != nil || cert != user+"'s "+aKey {
					t.Errorf("%s: %q, %v", kind, cert, err)
				}
			}
			at.Name = "another"
			if _, err := c.Workload(t.Context(), at); !IsNotFound(err) {
				t.Error(err)
			}
			if _, err := c.SignWorkloadKey(t.Context(), email, at, "run@x", aKey); !IsNotFound(err) {
				t.Error(err)
			}
			s.Revoke(googletest.AllPermissions()...)
			var refused *Error
			if _, err := c.Workload(t.Context(), at); !errors.As(err, &refused) || refused.Permission != refused.Call {
				t.Errorf("%+v", refused)
			}
		})
	}
}

func TestRunAddresses(t *testing.T) {
	c := &Client{}
	if got := c.run("europe-west1", "apis", "run.googleapis.com", "v1", "namespaces", "example.com:p", "jobs", "j"); got !=
		"https://europe-west1-run.googleapis.com/apis/run.googleapis.com/v1/namespaces/example.com:p/jobs/j" {
		t.Error(got)
	}
}

func TestChooseRevision(t *testing.T) {
	ref := RunRef{"p", "r", "service", "s"}
	for _, test := range []struct {
		revisions []string
		want      string
	}{
		{[]string{"a"}, "a"},
		{nil, "no revision of Cloud Run service s in region r of project p gets any traffic"},
		{[]string{"a", "b"}, "2 revisions of Cloud Run service s in region r of project p share its traffic: a, b"},
	} {
		got, err := Workload{Revisions: test.revisions}.ChooseRevision(ref)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v: %s", test.revisions, got)
		}
	}
}

// elsewhere leads every request to a fake.
type elsewhere struct {
	http.RoundTripper
	asked      []string
	authorized bool // one had the header
}

func (e *elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	e.asked = append(e.asked, r.URL.String())
	e.authorized = e.authorized || r.Header["Authorization"] != nil
	return e.RoundTripper.RoundTrip(r)
}

func TestRunAuthorities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		way := &elsewhere{RoundTripper: s.Client().Transport}
		c.HTTP = &http.Client{Transport: way}
		s.PublishAuthorities("europe-west1", aKey, "# a comment", "", "ssh-rsa AAAA of Cloud Run")
		got, err := c.RunAuthorities(t.Context(), "europe-west1")
		if err != nil || !slices.Equal(got, []string{aKey, "ssh-rsa AAAA"}) || way.authorized || way.asked[0] != "https://www.gstatic.com/cloud-run/ssh-ca-public-keys/keys-europe-west1.pub" {
			t.Errorf("%q, %v, asked %q", got, err, way.asked)
		}
		if got, err := c.RunAuthorities(t.Context(), "mars-north1"); err == nil {
			t.Errorf("%q", got)
		}
	})
}
