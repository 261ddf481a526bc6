package vm

import (
	"slices"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
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
		for _, f := range c.List(t.Context(), projects, filter, false) {
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
