package vm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newCloud is a fake that grants the permissions, and its Cloud with an empty cache; what is said is kept.
func newCloud(t *testing.T, permissions ...string) (*googletest.Server, *Cloud, *[]string) {
	t.Helper()
	s := googletest.NewUnstartedServer()
	s.StartInMemory()
	s.Grant(permissions...)
	kept, err := cache.Open(filepath.Join(t.TempDir(), "cache"), "")
	if err != nil {
		t.Fatal(err)
	}
	said := &[]string{}
	return s, &Cloud{
		API: &gce.Client{
			HTTP: s.Client(), Token: func(context.Context, string) (string, error) { return s.Issue(), nil },
			Compute: s.ComputeURL(), OSLogin: s.OSLoginURL(), IAP: s.IAPURL(),
		},
		Cache:   kept,
		Say:     func(line string) { *said = append(*said, line) },
		Debug:   t.Logf,
		Account: func(context.Context) string { return "alice@example.com" },
	}, said
}

func lookup(route config.Route, projects ...string) config.Plan {
	plan := config.Plan{Route: route, Projects: projects, IAP: config.Target{Instance: "vm"}}
	if len(projects) == 1 {
		plan.IAP.Project = projects[0]
	}
	return plan
}

func TestLocate(t *testing.T) {
	s, c, said := newCloud(t, "compute.instances.list")
	s.AddProject("p", nil)
	s.AddProject("q", nil)
	s.AddInstance("q", googletest.Instance{Name: "vm", Zone: "us-central1-a"})
	s.AddInstance("q", googletest.Instance{Name: "twin", Zone: "us-central1-a"})
	s.AddInstance("q", googletest.Instance{Name: "twin", Zone: "us-east1-b"})
	twin := lookup(config.RouteIAP, "q")
	twin.IAP.Instance = "twin"
	zoned := twin
	zoned.IAP.Zone = "us-east1-b"
	for _, test := range []struct {
		name    string
		plan    config.Plan
		answers []string // nil: nobody to ask
		want    string   // route and place, or the error
		said    string
	}{
		{"by name", lookup(config.RouteLookup, "q"), nil, "iap q/us-central1-a", "No zone specified. Using zone [us-central1-a] for instance: [vm]."},
		{"in the second project", lookup(config.RouteIAP, "p", "q"), nil, "iap q/us-central1-a", "No zone specified. Using zone [us-central1-a] for instance: [vm] of project: [q]."},
		{"nowhere, and may be a host", lookup(config.RouteLookup, "p"), nil, "direct p/", ""},
		{"nowhere", lookup(config.RouteIAP, "p"), nil, "there is no VM called vm in project p", ""},
		{"twice", twin, nil, "project q has 2 VMs called twin, in the zones us-central1-a, us-east1-b", ""},
		{"twice, zone given", zoned, nil, "iap q/us-east1-b", "No zone specified. Using zone [us-east1-b] for instance: [twin]."},
		{"twice, by number", twin, []string{"2"}, "iap q/us-east1-b", ""},
		{"twice, by name", twin, []string{"", "0", "us-east1-b"}, "iap q/us-east1-b", ""},
		{"twice, no good answer", twin, []string{"3", "-1", "x"}, "project q has 2 VMs called twin, in the zones us-central1-a, us-east1-b", ""},
		{"may not look there, and is asked", lookup(config.RouteIAP, "secret"), []string{"2", "us-east1-b"}, "iap secret/us-east1-b", ""},
		{"may not look there, and may be a host", lookup(config.RouteLookup, "secret"), []string{"us-east1-b"}, "direct secret/", ""},
	} {
		*said, c.Ask = nil, nil
		if test.answers != nil {
			c.Ask = func(context.Context, string) (string, error) {
				if len(test.answers) == 0 {
					return "", errors.New("asked too often")
				}
				answer := test.answers[0]
				test.answers = test.answers[1:]
				return answer, nil
			}
		}
		plan, err := c.Locate(t.Context(), test.plan)
		got := fmt.Sprintf("%s %s/%s", plan.Route, plan.IAP.Project, plan.IAP.Zone)
		if err != nil {
			got = err.Error()
		}
		if got != test.want || strings.Join(*said, "\n") != test.said {
			t.Errorf("%s: %s, said %q", test.name, got, *said)
		}
	}
}

// What is found is remembered by project and name, until it proves wrong or is to be forgotten.
func TestRemember(t *testing.T) {
	s, c, _ := newCloud(t, "compute.instances.list")
	for _, p := range []string{"p", "q"} {
		s.AddProject(p, nil)
		for _, name := range []string{"vm", "vm2"} {
			s.AddInstance(p, googletest.Instance{Name: name, Zone: "us-central1-a"})
			plan := lookup(config.RouteIAP, p)
			plan.IAP.Instance = name
			if _, err := c.Locate(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
		}
	}
	known := func() (all []string) {
		for _, p := range []string{"p", "q"} {
			for _, name := range []string{"vm", "vm2", "vm3"} {
				if project, zone, ok := Remembered(c.Cache, name, []string{p}); ok {
					all = append(all, project+"/"+zone+"/"+name)
				}
			}
		}
		return all
	}
	p, p2, q, q2 := "p/us-central1-a/vm", "p/us-central1-a/vm2", "q/us-central1-a/vm", "q/us-central1-a/vm2"
	expect := func(what string, want ...string) {
		t.Helper()
		if got := known(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("found", p, p2, q, q2)
	if project, _, _ := Remembered(c.Cache, "vm", []string{"x", "q", "p"}); project != "q" {
		t.Errorf("the first that is known: %q", project)
	}
	plan := lookup(config.RouteIAP, "p")
	plan.IAP.Zone, plan.Remembered = "us-central1-a", true
	if plan = c.Misplaced(t.Context(), plan); plan.IAP.Zone != "" || plan.Remembered {
		t.Errorf("misplaced: %+v", plan.IAP)
	}
	expect("misplaced", p2, q, q2)
	for _, test := range []struct {
		forget []config.Target
		left   []string
	}{
		{[]config.Target{{Instance: "vm3"}, {Instance: "vm", Project: "p"}}, []string{p2, q, q2}},
		{[]config.Target{{Instance: "vm2"}}, []string{q}},
		{nil, nil},
	} {
		if _, err := Forget(c.Cache, test.forget); err != nil {
			t.Error(err)
		}
		expect(fmt.Sprint("forget ", test.forget), test.left...)
	}
}

// Of the two ways there are, the external address comes first; IAP is the way for who may not see addresses.
func TestChooseWay(t *testing.T) {
	s, c, said := newCloud(t, "compute.instances.list", "compute.instances.get")
	s.AddProject("p", nil)
	s.AddInstance("p", googletest.Instance{Name: "outer", Zone: "us-east1-b", External: "192.0.2.1"})
	s.AddInstance("p", googletest.Instance{Name: "inner", Zone: "us-east1-b"})
	for _, test := range []struct {
		vm, zone   string
		remembered bool
		revoked    string
		want, said string
	}{
		{"outer", "us-east1-b", false, "", "address external us-east1-b", ""},
		{"outer", "", false, "", "address external us-east1-b", "No zone specified. Using zone [us-east1-b] for instance: [outer]."},
		{"outer", "us-west1-a", true, "", "address external us-east1-b", "No zone specified. Using zone [us-east1-b] for instance: [outer]."},
		{"outer", "us-west1-a", false, "", "not found", ""},
		{"inner", "us-east1-b", false, "", "iap  us-east1-b", "External IP address was not found; defaulting to using IAP tunneling."},
		{"outer", "us-east1-b", false, "compute.instances.get", "iap  us-east1-b", ""},
	} {
		*said = nil
		s.Revoke(test.revoked)
		plan := config.Plan{Route: config.RouteEither, Projects: []string{"p"}, Remembered: test.remembered,
			IAP: config.Target{Project: "p", Zone: test.zone, Instance: test.vm, Interface: "nic0"}}
		plan, err := c.Locate(t.Context(), plan)
		got := fmt.Sprintf("%s %s %s", plan.Route, plan.Address, plan.IAP.Zone)
		if gce.IsNotFound(err) {
			got = "not found"
		}
		if line := strings.Join(*said, ""); got != test.want || line != test.said {
			t.Errorf("%+v: %s, %v, says %q", test, got, err, line)
		}
	}
}

// The address that a choice was made by is not asked for again, but for the next connection it is.
func TestAddressAfterChoice(t *testing.T) {
	s, c, _ := newCloud(t, "compute.instances.get")
	s.AddProject("p", nil)
	s.AddInstance("p", googletest.Instance{Name: "outer", Zone: "us-east1-b", External: "192.0.2.1"})
	plan, err := c.Locate(t.Context(), config.Plan{Route: config.RouteEither, IAP: config.Target{Project: "p", Zone: "us-east1-b", Instance: "outer", Interface: "nic0"}})
	for _, calls := range []int{1, 2} {
		if err != nil {
			t.Fatal(err)
		}
		var address string
		if address, err = c.Address(t.Context(), plan); address != "192.0.2.1" || len(s.Calls()) != calls {
			t.Errorf("%s, %v after %v", address, err, s.Calls())
		}
	}
}
