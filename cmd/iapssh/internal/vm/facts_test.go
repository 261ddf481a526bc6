package vm

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

var there = config.Plan{Route: config.RouteIAP, IAP: config.Target{Project: "p", Zone: "us-central1-a", Instance: "vm"}}

// Reading takes one round trip, one more if the VM has to be found first, and one more if it has to be given a key: the fake answers
// only calls that are made at once.
func TestRoundTrips(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile+".pub", []byte(keyText), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		plan  config.Plan
		calls []int // at once, one round trip after the other
	}{
		{"place known", there, []int{4, 1}},
		{"by name", lookup(config.RouteIAP, "p"), []int{1, 3, 1}},
		{"by name in two projects", lookup(config.RouteIAP, "p", "q"), []int{2, 3, 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, c, _ := newCloud(t, "compute.instances.get", "compute.projects.get", "compute.instances.getGuestAttributes", "compute.instances.list")
			s.AddProject("p", map[string]string{"enable-oslogin": "TRUE"})
			s.AddProject("q", nil)
			s.SetLogin("alice")
			s.AddInstance("p", googletest.Instance{Name: "vm", Zone: "us-central1-a", ID: "42"})
			total := 0
			for _, n := range test.calls {
				s.Gather(n)
				total += n
			}
			plan := test.plan
			if plan.MustLocate() {
				var err error
				if plan, err = c.Locate(t.Context(), plan); err != nil {
					t.Fatal(err)
				}
			}
			plan.KeyFile = keyFile
			q := c.Inquire(t.Context(), plan)
			defer q.Stop()
			if f := q.Facts(); f.ID != "42" || len(s.Calls()) != total-1 {
				t.Errorf("%s: %v after %q", test.name, f, s.Calls())
			}
			time.Sleep(time.Second) // in which all keys are refused
			plan.User, plan.PushKey, plan.KeyLifetime = "alice", "auto", time.Hour
			p := q.NewPusher(plan)
			if _, ok := p.More(t.Context()); !ok || len(s.Calls()) != total {
				t.Errorf("%s, pushed: %v after %q", test.name, p.Problem(), s.Calls())
			}
		})
	}
}

func TestFacts(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*googletest.Server)
		want   Facts
		kept   bool // the next process makes no call
	}{
		{"all", func(s *googletest.Server) {}, Facts{ID: "42", HostKeys: []string{"ssh-ed25519 AAAA"}, LoginUsers: []string{"alice"}}, true},
		{"OS Login by the project", func(s *googletest.Server) { s.SetMetadata("p", "", "", "enable-oslogin", "True") },
			Facts{ID: "42", HostKeys: []string{"ssh-ed25519 AAAA"}, OSLogin: true, LoginUsers: []string{"alice"}}, true},
		{"the VM's word comes first", func(s *googletest.Server) {
			s.SetMetadata("p", "", "", "enable-oslogin", "TRUE")
			s.SetMetadata("p", "us-central1-a", "vm", "enable-oslogin", "FALSE")
		}, Facts{ID: "42", HostKeys: []string{"ssh-ed25519 AAAA"}, LoginUsers: []string{"alice"}}, true},
		{"Windows has no OS Login", func(s *googletest.Server) {
			s.AddInstance("p", googletest.Instance{Name: "vm", Zone: "us-central1-a", ID: "43", Windows: true, Metadata: map[string]string{"enable-oslogin": "TRUE"}})
		}, Facts{ID: "43", LoginUsers: []string{"alice"}, Windows: true}, true},
		{"Windows that takes keys", func(s *googletest.Server) {
			s.AddInstance("p", googletest.Instance{Name: "vm", Zone: "us-central1-a", ID: "43", Windows: true, Metadata: map[string]string{"enable-windows-ssh": "TRUE"}})
		}, Facts{ID: "43", LoginUsers: []string{"alice"}}, true},
		{"the tunnel role and no other", func(s *googletest.Server) {
			s.Revoke(googletest.AllPermissions()...)
			s.Disable("oslogin.googleapis.com")
		}, Facts{Unread: []string{"compute.instances.get", "compute.projects.get", "oslogin.users.getLoginProfile", "compute.instances.getGuestAttributes"}}, true},
		{"a VM that is gone", func(s *googletest.Server) { s.RemoveInstance("p", "us-central1-a", "vm") },
			Facts{LoginUsers: []string{"alice"}, Unread: []string{"compute.instances.get", "compute.instances.getGuestAttributes"}}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, c, _ := newCloud(t, "compute.instances.get", "compute.projects.get", "compute.instances.getGuestAttributes")
			s.AddProject("p", map[string]string{"enable-guest-attributes": "TRUE"})
			s.SetLogin("alice")
			s.AddInstance("p", googletest.Instance{Name: "vm", Zone: "us-central1-a", ID: "42", GuestAttributes: map[string]string{"hostkeys/ssh-ed25519": "AAAA"}})
			test.change(s)
			for i := range 2 {
				s.ForgetCalls()
				q := c.Inquire(t.Context(), there)
				got := q.Facts()
				got.At, got.Settled = time.Time{}, false
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
				}
				q.Stop()
				if calls := s.Calls(); (len(calls) == 0) != (i > 0 && test.kept) {
					t.Errorf("%s: calls of process %d: %q", test.name, i, calls)
				}
			}
		})
	}
}

// Facts from the cache are read again when they prove wrong, fresh ones are not.
func TestReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, _ := newCloud(t, "compute.instances.get", "compute.projects.get")
		s.AddProject("p", nil)
		for i, want := range []struct {
			first, again string
			ok           bool
		}{{"42", "42", false}, {"42", "43", true}, {"43", "43", true}} {
			if i == 0 {
				s.AddInstance("p", googletest.Instance{Name: "vm", Zone: "us-central1-a", ID: "42"})
			}
			q := c.Inquire(t.Context(), there)
			first := q.Facts()
			s.AddInstance("p", googletest.Instance{Name: "vm", Zone: "us-central1-a", ID: "43"})
			if again, ok := q.Again(t.Context()); first.ID != want.first || again.ID != want.again || ok != want.ok {
				t.Errorf("process %d: %s, then %s, %t", i, first.ID, again.ID, ok)
			}
			q.Stop()
		}
	})
}

// What hangs is not waited for.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, _ := newCloud(t, "compute.instances.get")
		s.AddProject("p", nil)
		s.APIDelay = 10 * patience
		q := c.Inquire(t.Context(), there)
		if f := q.Facts(); f.ID != "" || len(f.Unread) != 4 {
			t.Errorf("%+v", f)
		}
		q.Stop()
		q = c.Inquire(t.Context(), there)
		q.Stop() // at once
	})
}

func TestPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, _ := newCloud(t, "compute.instances.get", "compute.projects.get", "compute.instances.getGuestAttributes")
		s.AddProject("p", map[string]string{"enable-guest-attributes": "TRUE"})
		s.AddInstance("p", googletest.Instance{Name: "vm", Zone: "us-central1-a", ID: "42"})
		if _, err := c.Published(t.Context(), there); err == nil || err.Error() != "VM vm in zone us-central1-a of project p has published no host keys" {
			t.Error(err)
		}
		s.Publish("p", "us-central1-a", "vm", "hostkeys/ssh-ed25519", "AAAA")
		if f, err := c.Published(t.Context(), there); err != nil || !slices.Equal(f.HostKeys, []string{"ssh-ed25519 AAAA"}) {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

// A name that was given gives way to OS Login's where gcloud's rule was asked for, and OS Login is in force.
func TestLoginOf(t *testing.T) {
	osLogin := Facts{OSLogin: true, LoginUsers: []string{"alice_example_com", "a2"}}
	for _, test := range []struct {
		given  string
		yields bool
		facts  Facts
		want   string
	}{
		{"bob", false, osLogin, "bob"},
		{"bob", true, osLogin, "alice_example_com"},
		{"a2", true, osLogin, "a2"},
		{"bob", true, Facts{}, "bob"},
		{"two words", true, Facts{}, "two words"},
	} {
		plan := config.Plan{User: test.given, UserGiven: true, UserYields: test.yields}
		if got := LoginOf(plan, "alice@example.com", test.facts); got.User != test.want {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}

func TestChooseLogin(t *testing.T) {
	osLogin := Facts{OSLogin: true, LoginUsers: []string{"alice_example_com", "a2"}}
	for _, test := range []struct {
		requested string
		given     bool
		email     string
		facts     Facts
		want      string
	}{
		{"root", true, "alice@example.com", osLogin, "root"},
		{"ann", false, "alice@example.com", osLogin, "alice_example_com"},
		{"a2", false, "alice@example.com", osLogin, "a2"},
		{"ann", false, "alice@example.com", Facts{LoginUsers: []string{"alice_example_com"}}, "ann"},
		{"ann", false, "alice@example.com", Facts{OSLogin: true}, "alice_example_com"},
		{"ann", false, "", Facts{OSLogin: true}, "ann"},
		{"ann", false, "", Facts{}, "ann"},
		{"Änn", false, "Alice.B-c@example.com", Facts{}, "alice_b_c"},
		{"two words", false, "007@example.com", Facts{}, "g007"},
		{"Änn", false, "", Facts{}, "Änn"},
		{"Änn", false, "a-very-long-name-that-goes-on-and-on@example.com", Facts{}, "a_very_long_name_that_goes_on_an"},
	} {
		if got := chooseLogin(test.requested, test.given, test.email, test.facts); got.User != test.want || got.Why == "" {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}
