package vm

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// A listing tells places, and the names to complete, until they prove wrong or are to be forgotten.
func TestRoster(t *testing.T) {
	s, c, _ := newCloud(t, "compute.instances.list")
	for _, project := range []string{"p", "q"} {
		s.AddProject(project, nil)
		s.AddInstance(project, googletest.Instance{Name: "vm", Zone: map[string]string{"p": "us-central1-a", "q": "us-east1-b"}[project]})
	}
	s.AddInstance("p", googletest.Instance{Name: "twin", Zone: "us-central1-a"})
	s.AddInstance("p", googletest.Instance{Name: "twin", Zone: "us-east1-b"})
	s.AddInstance("q", googletest.Instance{Name: "other", Zone: "us-east1-b"})
	list := func(filter string, projects ...string) {
		for _, f := range c.List(t.Context(), projects, filter) {
			if f.Err != nil {
				t.Fatal(f.Err)
			}
		}
	}
	expect := func(want ...string) {
		t.Helper()
		if got := Names(c.Cache, []string{"p"}); !slices.Equal(got, want) {
			t.Errorf("names %q, want %q", got, want)
		}
	}
	list("name eq vm", "p")
	expect() // a part is not the whole
	list("", "p", "q")
	expect("other.us-east1-b.q", "twin.us-central1-a.p", "twin.us-east1-b.p", "vm", "vm.us-east1-b.q")
	for _, test := range []struct{ name, project, zone string }{{"vm", "p", "us-central1-a"}, {"other", "q", "us-east1-b"}, {"twin", "", ""}, {"none", "", ""}} {
		if project, zone, ok := Remembered(c.Cache, test.name, []string{"p", "q"}); project != test.project || zone != test.zone || ok != (zone != "") {
			t.Errorf("%s is in %q of %q", test.name, zone, project)
		}
	}

	if _, err := Forget(c.Cache, []config.Target{{Instance: "other", Project: "p"}}); err != nil {
		t.Fatal(err)
	}
	expect("other.us-east1-b.q", "twin.us-central1-a.p", "twin.us-east1-b.p", "vm", "vm.us-east1-b.q")
	if _, err := Forget(c.Cache, []config.Target{{Instance: "other"}}); err != nil {
		t.Fatal(err)
	}
	expect("twin.us-central1-a.p", "twin.us-east1-b.p", "vm")
	c.Misplaced(t.Context(), config.Plan{Projects: []string{"p"}, IAP: config.Target{Project: "p", Zone: "us-east1-b", Instance: "vm"}})
	expect("twin.us-central1-a.p", "twin.us-east1-b.p", "vm") // said so by something else
	c.Misplaced(t.Context(), config.Plan{Projects: []string{"p"}, IAP: config.Target{Project: "p", Zone: "us-central1-a", Instance: "vm"}})
	expect()

	// One that was looked up is remembered by itself.
	if _, err := c.Locate(t.Context(), lookup(config.RouteIAP, "p")); err != nil {
		t.Fatal(err)
	}
	expect("vm")
}

// Who to be on each VM of a project takes three calls at once, however many VMs there are.
func TestSurvey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, said := newCloud(t, "compute.instances.list", "compute.projects.get")
		s.SetLogin("alice_example_com", "alice")
		s.AddProject("p", map[string]string{"enable-oslogin": "TRUE"})
		s.AddInstance("p", googletest.Instance{Name: "a", Zone: "us-central1-a", ID: "1"})
		s.AddInstance("p", googletest.Instance{Name: "b", Zone: "us-central1-a", ID: "2", Metadata: map[string]string{"enable-oslogin": "FALSE"}})
		s.AddInstance("p", googletest.Instance{Name: "c", Zone: "us-central1-a", ID: "3", Windows: true})
		s.Gather(3)
		survey := c.Survey(t.Context(), []string{"p"}, "")[0]
		var users []string
		for _, i := range append(survey.Instances, gce.Instance{}) {
			users = append(users, LoginOf(config.Plan{User: "local"}, "alice@example.com", survey.Facts(i)).User)
		}
		if want := []string{"alice_example_com", "local", "local", "alice_example_com"}; !slices.Equal(users, want) || len(*said) != 0 {
			t.Errorf("%q, want %q; said %q", users, want, *said)
		}

		s.Revoke("compute.projects.get")
		survey = c.Survey(t.Context(), []string{"p"}, "")[0]
		if survey.Err != nil || survey.Facts(survey.Instances[0]).OSLogin || len(*said) != 1 || !strings.HasPrefix((*said)[0], "Whether OS Login is on in project p is not known: compute.projects.get: ") {
			t.Errorf("%+v, said %q", survey, *said)
		}
	})
}
