package vm

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// ensureOnce makes sure of the plan's key, and says what it said, how long that took, and which calls it made.
func ensureOnce(t *testing.T, s *googletest.Server, c *Cloud, plan config.Plan) (problem string, took time.Duration, calls []string) {
	t.Helper()
	s.ForgetCalls()
	began := time.Now()
	e := c.Ensure(t.Context(), plan)
	defer e.Stop()
	if _, err := e.Wait(); err != nil {
		problem = err.Error()
	}
	calls = s.Calls()
	slices.Sort(calls)
	return problem, time.Since(began), calls
}

var looked = []string{"compute.instances.get", "compute.instances.getGuestAttributes", "compute.projects.get", "oslogin.users.getLoginProfile"}

// with gives calls beside those of a look.
func with(more ...string) []string {
	calls := slices.Concat(looked, more)
	slices.Sort(calls)
	return calls
}

func TestEnsure(t *testing.T) {
	day := 24 * time.Hour
	ours, others := keyText+" iapssh", keyText+" somebody@else"
	for _, test := range []struct {
		name    string
		osLogin string
		change  func(*googletest.Server, *config.Plan)
		problem string
		took    time.Duration
		calls   []string
		quiet   time.Duration // for how long it is not looked at again
	}{
		{name: "a key that is not there is pushed, and given time", osLogin: "TRUE", took: firstTry, calls: with("oslogin.users.importSshPublicKey"), quiet: day / 2},
		{name: "one that is there for good is left", osLogin: "TRUE", change: func(s *googletest.Server, _ *config.Plan) { s.AddLoginKey(others, time.Time{}) },
			calls: looked, quiet: day},
		{name: "one that lasts is left", osLogin: "TRUE", change: func(s *googletest.Server, _ *config.Plan) { s.AddLoginKey(ours, time.Now().Add(15*time.Hour)) },
			calls: looked, quiet: 3 * time.Hour},
		{name: "ours is extended when less than half is left, and no time lost", osLogin: "TRUE", change: func(s *googletest.Server, _ *config.Plan) { s.AddLoginKey(ours, time.Now().Add(time.Hour)) },
			calls: with("oslogin.users.sshPublicKeys.patch"), quiet: day / 2},
		{name: "another's expiry is not ours to change", osLogin: "TRUE", change: func(s *googletest.Server, _ *config.Plan) { s.AddLoginKey(others, time.Now().Add(time.Minute)) },
			calls: looked, quiet: time.Minute},
		{name: "a short life has a short margin", osLogin: "TRUE", change: func(_ *googletest.Server, p *config.Plan) { p.KeyLifetime = time.Hour },
			took: firstTry, calls: with("oslogin.users.importSshPublicKey"), quiet: 30 * time.Minute},
		{name: "the wrong user", osLogin: "TRUE", change: func(s *googletest.Server, p *config.Plan) {
			s.SetLogin("alice")
			p.User, p.UserGiven = "bob", true
		}, problem: "OS Login is on, and you are alice there, not bob", calls: looked, quiet: deniedLife},
		{name: "certificates", osLogin: "TRUE", change: func(s *googletest.Server, _ *config.Plan) {
			s.SetMetadata("p", "", "", "enable-oslogin-certificates", "TRUE")
		}, problem: noCertificate.Error(), calls: looked, quiet: deniedLife},
		{name: "metadata is not changed unasked", problem: "the VM takes keys from its metadata, which is not changed unasked; --push-key=instance (or project) does it",
			calls: looked, quiet: deniedLife},
		{name: "unless that is wanted", change: func(_ *googletest.Server, p *config.Plan) { p.PushKey = "instance" }, took: firstTry,
			calls: with("compute.instances.get", "compute.instances.setMetadata", "compute.zoneOperations.wait"), quiet: day / 2},
		{name: "never", osLogin: "TRUE", change: func(_ *googletest.Server, p *config.Plan) { p.PushKey = "no" },
			problem: "no key is put on the VM, as was asked for (--no-push, IAPPushKey no)", calls: looked, quiet: deniedLife},
		{name: "what cannot be read", osLogin: "TRUE", change: func(s *googletest.Server, _ *config.Plan) { s.Revoke("compute.instances.get") },
			problem: "the VM cannot be read, so that nobody knows where it looks for keys; have its administrator add the key", calls: looked, quiet: deniedLife},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, c, plan := pushing(t, test.osLogin)
			s.SetLogin("alice_example_com")
			if test.change != nil {
				test.change(s, &plan)
			}
			problem, took, calls := ensureOnce(t, s, c, plan)
			if problem != test.problem || took != test.took || !slices.Equal(calls, test.calls) {
				t.Errorf("%s: %q, after %v, by %q", test.name, problem, took, calls)
			}
			time.Sleep(test.quiet - time.Second)
			if problem, took, calls := ensureOnce(t, s, c, plan); problem != test.problem || took != 0 || calls != nil {
				t.Errorf("%s: a second before it is to be looked at: %q, %v, %q", test.name, problem, took, calls)
			}
			time.Sleep(2 * time.Second)
			if _, _, calls := ensureOnce(t, s, c, plan); calls == nil {
				t.Errorf("%s: it is not looked at any more", test.name)
			}
		})
	}
}

// What is remembered is of one key, until it is forgotten; what has failed is tried again.
func TestEnsuredIsOfAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		s.Fail("oslogin.users.importSshPublicKey", 403, 1)
		if problem, _, _ := ensureOnce(t, s, c, plan); !strings.Contains(problem, "could not be added to the OS Login profile") {
			t.Error(problem)
		}
		for _, test := range []struct {
			name   string
			change func()
			calls  int
		}{
			{"it has failed", func() {}, 1}, // the facts need not be read again
			{"it is remembered", func() {}, 0},
			{"another key", func() {
				other := strings.Replace(keyText, "OMqqn", "OMqqo", 1)
				if err := os.WriteFile(plan.KeyFile+".pub", []byte(other), 0o600); err != nil {
					t.Fatal(err)
				}
			}, 5},
			{"forgotten", func() {
				if _, err := Forget(c.Cache, []config.Target{{Instance: "vm"}}); err != nil {
					t.Fatal(err)
				}
			}, 4},
		} {
			test.change()
			if problem, _, calls := ensureOnce(t, s, c, plan); problem != "" || len(calls) != test.calls {
				t.Errorf("%s: %s, %q", test.name, problem, calls)
			}
			time.Sleep(2 * maxTries) // pushes are remembered for a while
		}
	})
}

// Processes that begin together look once.
func TestEnsureTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		c.Say = func(string) {}
		var all []*Ensuring
		for range 20 {
			all = append(all, c.Ensure(t.Context(), plan))
		}
		for _, e := range all {
			if f, err := e.Wait(); err != nil || f.ID != "42" {
				t.Error(err)
			}
			e.Stop()
		}
		if calls := s.Calls(); len(calls) != 5 {
			t.Errorf("%q", calls)
		}
	})
}
