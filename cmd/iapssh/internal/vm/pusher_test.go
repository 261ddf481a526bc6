package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

const keyText = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

// pushing is a plan for a VM of a fake that grants everything, with a key file of which only the public half matters here.
func pushing(t *testing.T, osLogin string) (*googletest.Server, *Cloud, config.Plan) {
	t.Helper()
	s, c, _ := newCloud(t, googletest.AllPermissions()...)
	s.AddProject("p", map[string]string{"enable-oslogin": osLogin})
	s.AddInstance("p", googletest.Instance{Name: "vm", Zone: "us-central1-a", ID: "42"})
	plan := there
	plan.User, plan.PushKey, plan.KeyLifetime = "alice_example_com", "auto", 24*time.Hour
	plan.SSHDir = t.TempDir()
	plan.KeyFile = filepath.Join(plan.SSHDir, "google_compute_engine")
	if err := os.WriteFile(plan.KeyFile+".pub", []byte(keyText+" me@here\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return s, c, plan
}

// A key that was pushed is offered at once, then in ever longer pauses of at least five seconds, in this connection and in new
// ones, for a minute in all, or for as long as a VM is waited for.
func TestPropagation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		var said []string
		c.Say = func(line string) { said = append(said, line) }
		p := c.NewPusher(plan)
		start := time.Now()
		id, ok := p.More(t.Context())
		if !ok || id.Path != plan.KeyFile || time.Since(start) != 0 {
			t.Fatalf("%+v, %t after %v: %s", id, ok, time.Since(start), p.Problem())
		}
		if keys := s.LoginKeys(); len(keys) != 1 || !keys[keyText+" iapssh"].Equal(start.Add(24*time.Hour)) {
			t.Errorf("profile: %v", keys)
		}
		var tries []time.Duration
		for again := 0; ; again++ {
			if again < 2 {
				_, ok = p.More(t.Context())
			} else {
				_, _, ok = p.Reconnect(t.Context())
			}
			if !ok {
				break
			}
			tries = append(tries, time.Since(start))
		}
		want := []time.Duration{5000, 12500, 23750, 40625}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(tries, want) || !slices.Equal(said, []string{"Waiting for SSH key to propagate."}) {
			t.Errorf("tries after %v, said %q", tries, said)
		}
		plan.Wait = 3 * time.Minute
		patient := c.NewPusher(plan)
		patient.pushed, patient.decided, start = time.Now(), true, time.Now()
		for _, _, ok := patient.Reconnect(t.Context()); ok; _, _, ok = patient.Reconnect(t.Context()) {
		}
		if took := time.Since(start); took > plan.Wait || took < plan.Wait-lastTry {
			t.Errorf("patient for %v", took)
		}
		if penalty := worstPenalty(tries[1:]); penalty >= 15*time.Second {
			t.Errorf("sshd 9.8 would refuse: a penalty of %v", penalty)
		}
	})
}

// worstPenalty is what OpenSSH's default PerSourcePenalties come to when connections end in refusal at these times: 5 s for each,
// which run off, and enforced from 15 s on (sshd_config(5), authfail and min).
func worstPenalty(ends []time.Duration) (worst time.Duration) {
	var until time.Duration
	for _, end := range ends {
		until = max(until, end) + 5*time.Second
		worst = max(worst, until-end)
	}
	return worst
}

// A second process that finds the key in place knows that it is fresh, and waits too.
func TestPropagationForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		if _, ok := c.NewPusher(plan).More(t.Context()); !ok {
			t.Fatal("not pushed")
		}
		p := c.NewPusher(plan)
		_, first := p.More(t.Context())
		_, second := p.More(t.Context())
		imports := slices.DeleteFunc(s.Calls(), func(call string) bool { return call != "oslogin.users.importSshPublicKey" })
		if !first || !second || len(imports) != 1 {
			t.Errorf("%t, %t, %d imports", first, second, len(imports))
		}
		time.Sleep(2 * time.Minute)
		p = c.NewPusher(plan)
		_, first = p.More(t.Context())
		if _, second = p.More(t.Context()); !first || second {
			t.Errorf("later: %t, %t", first, second)
		}
	})
}

// A POSIX account that comes with the first key has the last word on the login name: then only a new connection helps.
func TestUserAfterPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c, plan := pushing(t, "TRUE")
		plan.User = "guess"
		p := c.NewPusher(plan)
		if _, ok := p.More(t.Context()); ok {
			t.Error("the key is offered to the wrong user")
		}
		if _, user, ok := p.Reconnect(t.Context()); !ok || user != "alice_example_com" {
			t.Errorf("%q, %t", user, ok)
		}
	})
}

// What has expired and is ours goes; what is somebody else's stays; a full profile is said to be.
func TestPruning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		s.AddLoginKey("ssh-rsa AAAA1 iapssh", time.Now().Add(-time.Hour))
		s.AddLoginKey("ssh-rsa AAAA2 laptop", time.Now().Add(time.Hour))
		s.AddLoginKey("ssh-rsa AAAA3 iapssh", time.Now().Add(time.Hour))
		s.AddLoginKey("ssh-rsa AAAA4 iapssh", time.Time{})
		s.AddLoginKey("ssh-rsa "+strings.Repeat("A", 32<<10-1000)+" iapssh", time.Now().Add(-time.Hour))
		if _, ok := c.NewPusher(plan).More(t.Context()); !ok {
			t.Error("not pushed")
		}
		if keys := s.LoginKeys(); len(keys) != 4 {
			t.Errorf("%d keys are left", len(keys))
		}
		s.ClearLogin()
		time.Sleep(time.Second)
		s.AddLoginKey("ssh-rsa "+strings.Repeat("A", 32<<10-10)+" laptop", time.Now().Add(time.Hour))
		p := c.NewPusher(plan)
		if _, ok := p.More(t.Context()); ok || !strings.Contains(fmt.Sprint(p.Problem()), "32 KiB") || !strings.Contains(fmt.Sprint(p.Problem()), "gcloud compute os-login ssh-keys list") {
			t.Errorf("%t, %s", ok, p.Problem())
		}
	})
}

// Our key in the profile lives on while it is used; nobody else's is touched.
func TestExtend(t *testing.T) {
	for _, test := range []struct {
		name    string
		line    string
		left    time.Duration // 0: without end
		push    string
		extends bool
	}{
		{"fresh", keyText + " iapssh", 13 * time.Hour, "auto", false},
		{"below half", keyText + " iapssh", 11 * time.Hour, "auto", true},
		{"below half, not to be touched", keyText + " iapssh", 11 * time.Hour, "no", false},
		{"gcloud's", keyText + " me@here", 11 * time.Hour, "auto", false},
		{"for ever", keyText + " iapssh", 0, "auto", false},
		{"another key", "ssh-rsa AAAA iapssh", 11 * time.Hour, "auto", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, c, plan := pushing(t, "TRUE")
			plan.PushKey = test.push
			expires := time.Now().Add(test.left)
			if test.left == 0 {
				expires = time.Time{}
			}
			s.AddLoginKey(test.line, expires)
			q := c.Inquire(t.Context(), plan)
			q.Facts()
			q.Stop()
			want := expires
			if test.extends {
				want = time.Now().Add(24 * time.Hour)
			}
			if got := s.LoginKeys()[test.line]; !got.Equal(want) {
				t.Errorf("%s: until %v, want %v", test.name, got, want)
			}
		})
	}
}

func TestMetadataKeys(t *testing.T) {
	for _, where := range []string{"instance", "legacy", "project"} {
		synctest.Test(t, func(t *testing.T) {
			s, c, plan := pushing(t, "FALSE")
			item, name := "ssh-keys", "vm"
			switch plan.PushKey = where; where {
			case "legacy":
				plan.PushKey, item = "instance", "sshKeys"
				s.SetMetadata("p", "us-central1-a", "vm", item, "bob:ssh-rsa AAAA bob")
			case "project":
				name = ""
			}
			p := c.NewPusher(plan)
			_, ok := p.More(t.Context())
			if got := s.Metadata("p", "us-central1-a", name)[item]; !ok || !strings.Contains(got, "alice_example_com:"+keyText+" google-ssh {") {
				t.Errorf("%s: %t, %q, %s", where, ok, got, p.Problem())
			}
			s.Revoke("compute.instances.setMetadata", "compute.projects.setCommonInstanceMetadata")
			plan.User = "bob2"
			p = c.NewPusher(plan)
			if _, ok := p.More(t.Context()); ok || !strings.Contains(fmt.Sprint(p.Problem()), "could not be put into the metadata") {
				t.Errorf("%s, not permitted: %t, %s", where, ok, p.Problem())
			}
		})
	}
}

// A key with which nobody could log in is not put anywhere.
func TestUnusableKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		if err := os.WriteFile(plan.KeyFile, []byte("no key"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.ForgetCalls()
		p := c.NewPusher(plan)
		_, ok := p.More(t.Context())
		if ok || !strings.Contains(fmt.Sprint(p.Problem()), plan.KeyFile+" cannot be used") || slices.Contains(s.Calls(), "oslogin.users.importSshPublicKey") {
			t.Errorf("%t, %v, after %q", ok, p.Problem(), s.Calls())
		}
	})
}

// That a profile cannot be read is no answer to who wonders why.
func TestUnreadableProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		s.Disable("oslogin.googleapis.com")
		p := c.NewPusher(plan)
		var refused *gce.Error
		if _, ok := p.More(t.Context()); ok || !errors.As(p.Problem(), &refused) || refused.Service != "oslogin.googleapis.com" {
			t.Errorf("%t, %v", ok, p.Problem())
		}
	})
}

// Keys that fill the metadata are nobody's to drop: the error says where they are.
func TestMetadataFull(t *testing.T) {
	for where, command := range map[string]string{"instance": "gcloud compute instances describe vm --zone=us-central1-a --project=p", "project": "gcloud compute project-info describe --project=p"} {
		synctest.Test(t, func(t *testing.T) {
			s, c, plan := pushing(t, "FALSE")
			name, full := map[string]string{"instance": "vm"}[where], "bob:ssh-rsa "+strings.Repeat("A", 256<<10-100)
			s.SetMetadata("p", "us-central1-a", name, "ssh-keys", full)
			plan.PushKey = where
			p := c.NewPusher(plan)
			_, ok := p.More(t.Context())
			if ok || !strings.Contains(fmt.Sprint(p.Problem()), "256 KiB") || !strings.Contains(fmt.Sprint(p.Problem()), command) {
				t.Errorf("%t, %s", ok, p.Problem())
			}
			if got := s.Metadata("p", "us-central1-a", name)["ssh-keys"]; got != full {
				t.Errorf("%s: the metadata has changed", where)
			}
		})
	}
}

// A certificate is made when it is known that nothing else helps, kept until shortly before its end, and made anew once refused. As it
// is made so does the account get its name.
func TestCertify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		s.SetMetadata("p", "", "", "enable-oslogin-certificates", "TRUE")
		authority := sshtest.NewKey()
		s.SignKey = func(key, user string) string {
			return sshtest.Certify(authority, key, user, time.Now().Add(10*time.Minute))
		}
		signed := func() (count int) {
			for _, call := range s.Calls() {
				if call == "oslogin.projects.locations.signSshPublicKey" {
					count++
				}
			}
			return count
		}
		inquire := func() Facts {
			q := c.Inquire(t.Context(), plan)
			defer q.Stop()
			return q.Facts()
		}
		first := inquire()
		if !first.Certified || first.Certificate == "" || signed() != 2 || !slices.Equal(first.LoginUsers, []string{"alice_example_com"}) {
			t.Fatalf("%+v, %d calls", first, signed())
		}
		inquire() // is the first that keeps the facts
		s.ForgetCalls()
		time.Sleep(8 * time.Minute)
		if f := inquire(); f.Certificate != first.Certificate || len(s.Calls()) != 0 {
			t.Errorf("another after 8 minutes, and %q", s.Calls())
		}
		time.Sleep(time.Minute)
		second := inquire()
		if second.Certificate == first.Certificate || signed() != 1 {
			t.Errorf("after 9 minutes %d calls", signed())
		}
		time.Sleep(time.Second)
		p := c.NewPusher(plan)
		id, ok := p.More(t.Context())
		if !ok || id.Certificate == "" || id.Certificate == second.Certificate || id.Path != plan.KeyFile {
			t.Errorf("refused, and then: %+v, %t, %s", id, ok, p.Problem())
		}
		if f := inquire(); f.Certificate != id.Certificate {
			t.Error("the one that was made last is not kept")
		}
		if len(s.LoginKeys()) > 0 {
			t.Error("a key was imported too")
		}
		q := c.Inquire(t.Context(), plan)
		q.Facts()
		q.Drop(t.Context())
		q.Stop()
		s.ForgetCalls()
		if inquire(); signed() != 1 {
			t.Errorf("where all was refused the certificate is kept: %d calls", signed())
		}
		s.SignKey = func(key, user string) string { return "nonsense" }
		time.Sleep(time.Second)
		p = c.NewPusher(plan)
		if _, ok := p.More(t.Context()); ok || !strings.Contains(fmt.Sprint(p.Problem()), "no certificate for the key") {
			t.Errorf("%t, %s", ok, p.Problem())
		}
		if f := inquire(); f.Certificate != "" {
			t.Error("what was refused is still there")
		}
	})
}

// Who comes from an identity provider has no keys at Google, and neither has anybody in another universe.
func TestOnlyCertified(t *testing.T) {
	for _, test := range []struct {
		account, universe string
		want              bool
	}{
		{"alice@example.com", "", false},
		{"alice@example.com", "example.goog", true},
		{"principal://iam.googleapis.com/locations/global/workforcePools/p/subject/alice", "", true},
		{"", "", false},
	} {
		if got := onlyCertified(test.account, test.universe); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}

// Consent is asked for, and a no is a no.
func TestAgreed(t *testing.T) {
	for answer, want := range map[string]bool{"y": true, "YES": true, "n": false, "": false, "yep": false} {
		synctest.Test(t, func(t *testing.T) {
			_, c, plan := pushing(t, "FALSE")
			question := ""
			c.Ask = func(_ context.Context, prompt string) (string, error) { question = prompt; return answer, nil }
			if _, ok := c.NewPusher(plan).More(t.Context()); ok != want || !strings.Contains(question, "metadata of VM vm in zone us-central1-a of project p") {
				t.Errorf("%q: %t, asked %q", answer, ok, question)
			}
		})
	}
}

// Those that have been refused at the same time look at the VM once, and put the key there once.
func TestRefusedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, plan := pushing(t, "TRUE")
		s.APIDelay = time.Second
		var work sync.WaitGroup
		for range 12 {
			work.Go(func() {
				p := c.NewPusher(plan)
				if _, ok := p.More(t.Context()); !ok {
					t.Error(p.Problem())
				}
			})
		}
		work.Wait()
		counts := map[string]int{}
		for _, call := range s.Calls() {
			counts[call]++
		}
		for call, count := range counts {
			if count != 1 {
				t.Errorf("%d calls of %s", count, call)
			}
		}
	})
}

// Many that begin together, with nothing known and no key made, make one listing, one reading, one key and one import.
func TestTogether(t *testing.T) {
	s, first, plan := pushing(t, "TRUE")
	if err := os.Remove(plan.KeyFile + ".pub"); err != nil {
		t.Fatal(err)
	}
	plan.IAP.Zone, plan.Projects = "", []string{"p"}
	s.SetLogin(plan.User)
	var work sync.WaitGroup
	for range 12 {
		work.Go(func() {
			own := *first // its own place, the same cache and API
			own.Say = func(string) {}
			plan, err := own.Locate(t.Context(), plan)
			if err != nil {
				t.Error(err)
				return
			}
			q := own.Inquire(t.Context(), plan)
			defer q.Stop()
			q.Facts()
			p := own.NewPusher(plan)
			if id, ok := p.More(t.Context()); !ok || id.Path != plan.KeyFile {
				t.Errorf("%+v, %t: %s", id, ok, p.Problem())
			}
		})
	}
	work.Wait()
	counts := map[string]int{}
	for _, call := range s.Calls() {
		counts[call]++
	}
	if counts["compute.instances.aggregatedList"] != 1 || counts["oslogin.users.importSshPublicKey"] != 1 || len(s.LoginKeys()) != 1 {
		t.Errorf("calls: %v; %d keys", counts, len(s.LoginKeys()))
	}
}
