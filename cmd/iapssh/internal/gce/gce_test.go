package gce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	project = "lab-project"
	zone    = "europe-west1-b"
	email   = "alice@example.com"
	aKey    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
)

var ref = Ref{project, zone, "vm"}

// newCloud is a fake that grants everything, with one VM, and a client of it, in memory.
func newCloud(vm googletest.Instance) (*googletest.Server, *Client) {
	s := googletest.NewUnstartedServer()
	s.StartInMemory()
	s.Grant(googletest.AllPermissions()...)
	s.AddProject(project, map[string]string{"team": "blue"})
	vm.Name, vm.Zone = "vm", zone
	s.AddInstance(project, vm)
	return s, client(s)
}

func client(s *googletest.Server) *Client {
	return &Client{
		HTTP:    s.Client(),
		Token:   func(context.Context, string) (string, error) { return s.Issue(), nil },
		Compute: s.ComputeURL(), OSLogin: s.OSLoginURL(), IAP: s.IAPURL(),
	}
}

func TestInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		created := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
		s, c := newCloud(googletest.Instance{ID: "42", Created: created, External: "192.0.2.1", ServiceAccount: "vm@x", Windows: true, Metadata: map[string]string{"a": "b"}})
		want := Instance{
			Ref: ref, ID: "42", Status: "RUNNING", Created: created, Windows: true, ServiceAccounts: []string{"vm@x"},
			Interfaces: []Interface{{Name: "nic0", Network: "default", Internal: "10.132.0.2", External: "192.0.2.1"}},
		}
		got, err := c.Instance(t.Context(), ref)
		if value, ok := got.Metadata.Get("a"); err != nil || value != "b" || !ok {
			t.Errorf("%v, metadata %v", err, got.Metadata)
		}
		got.Metadata = Metadata{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		s.AddInstance(project, googletest.Instance{Name: "vm", Zone: "europe-west1-a"})
		s.AddInstance(project, googletest.Instance{Name: "vm2", Zone: "europe-west1-a"})
		named, err := c.Named(t.Context(), project, "vm")
		if err != nil || len(named) != 2 || named[0].Zone != "europe-west1-a" || named[1].Ref != ref || named[1].ID != "42" {
			t.Errorf("%+v, %v", named, err)
		}
		if _, err := c.Instance(t.Context(), Ref{project, zone, "vm3"}); !IsNotFound(err) {
			t.Error(err)
		}
	})
}

func TestHostKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{GuestAttributes: map[string]string{
			"hostkeys/ssh-ed25519": "AAAA root@vm", "hostkeys/ecdsa-sha2-nistp256": "BBBB", "hostkeys/ssh-dss": "CCCC", "hostkeys/ssh-rsa": "no base64", "other/x": "y",
		}})
		for _, test := range []struct {
			enabled string
			want    []string
		}{
			{"", nil},
			{"TRUE", []string{"ecdsa-sha2-nistp256 BBBB", "ssh-ed25519 AAAA"}},
		} {
			s.SetMetadata(project, "", "", "enable-guest-attributes", test.enabled)
			if got, err := c.HostKeys(t.Context(), ref); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("enabled %q: %q, %v", test.enabled, got, err)
			}
		}
		s.Revoke("compute.instances.getGuestAttributes")
		if _, err := c.HostKeys(t.Context(), ref); !isDenied(err) {
			t.Error(err)
		}
	})
}

// Whoever changes metadata at the same time, nothing of anybody's is lost.
func TestChangeTogether(t *testing.T) {
	for _, where := range []string{"instance", "project"} {
		synctest.Test(t, func(t *testing.T) {
			s, c := newCloud(googletest.Instance{Metadata: map[string]string{"startup-script": "echo"}})
			change := func(key string) error {
				add := func(m Metadata) (Metadata, bool, error) { return m.With(key, "x"), true, nil }
				if where == "project" {
					return c.ChangeProject(t.Context(), project, add)
				}
				return c.ChangeInstance(t.Context(), ref, add)
			}
			s.Gather(3) // all have read before any writes
			errs := make(chan error, 3)
			for i := range 3 {
				go func() { errs <- change(fmt.Sprint("key", i)) }()
			}
			for range 3 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
			name := "vm"
			if where == "project" {
				name = ""
			}
			got := s.Metadata(project, zone, name)
			if len(got) != 4 || got["key0"]+got["key1"]+got["key2"] != "xxx" || got["startup-script"]+got["team"] == "" {
				t.Errorf("%s: %v", where, got)
			}
		})
	}
}

func TestChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		stop := errors.New("stop")
		for _, want := range []error{nil, stop} {
			err := c.ChangeProject(t.Context(), project, func(m Metadata) (Metadata, bool, error) { return m, false, want })
			if err != want || slices.Contains(s.Calls(), "compute.projects.setCommonInstanceMetadata") {
				t.Error(err, s.Calls())
			}
		}
	})
}

func TestOSLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{ID: "42", ServiceAccount: "vm@x"})
		s.SignKey = func(key, user string) string { return "cert of " + user + " for " + key + "\n" }
		vm, err := c.Instance(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := c.SignKey(t.Context(), email, vm, aKey) // which has a POSIX account made
		if err != nil || cert != "cert of alice_example_com for "+aKey {
			t.Errorf("%q, %v", cert, err)
		}
		profile, err := c.ImportKey(t.Context(), email, project, vm.Region(), aKey+" me", time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		fingerprint, entry, ok := profile.Find(aKey)
		if !ok || !entry.Expires.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("%+v", profile)
		}
		later := time.Now().Add(2 * time.Hour)
		if err := c.ExtendKey(t.Context(), email, fingerprint, later); err != nil {
			t.Error(err)
		}
		profile, err = c.LoginProfile(t.Context(), email, project)
		if _, entry, ok := profile.Find(aKey + " another comment"); err != nil || !ok || !entry.Expires.Equal(later) {
			t.Errorf("%+v, %v", profile, err)
		}
		for range 2 { // the second time there is nothing left
			if err := c.DeleteKey(t.Context(), email, fingerprint); err != nil {
				t.Error(err)
			}
		}
		if _, err := c.LoginProfile(t.Context(), "bob@example.com", project); !isDenied(err) {
			t.Error(err)
		}
	})
}

func TestProfileUser(t *testing.T) {
	accounts := func(names ...string) (p Profile) {
		for _, name := range names {
			bare, primary := strings.CutSuffix(name, "*")
			p.Accounts = append(p.Accounts, PosixAccount{Username: bare, Primary: primary})
		}
		return p
	}
	windows := Profile{Accounts: []PosixAccount{{Username: "w", Primary: true, OperatingSystemType: "WINDOWS"}, {Username: "l", OperatingSystemType: "LINUX"}}}
	for _, test := range []struct {
		profile         Profile
		requested, want string
	}{
		{accounts(), "me", ""},
		{accounts("a", "b*", "me"), "me", "me"},
		{accounts("a", "b*", "c"), "me", "b"},
		{accounts("a", "b"), "me", "a"},
		{windows, "w", "l"},
	} {
		if got := test.profile.User(test.requested); got != test.want {
			t.Errorf("%v for %q: %q, want %q", test.profile, test.requested, got, test.want)
		}
	}
}

func TestMayTunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		for _, want := range []bool{true, false} {
			if got, err := c.MayTunnel(t.Context(), ref); got != want || err != nil {
				t.Errorf("%t, %v", got, err)
			}
			if got, err := c.MayTunnelByGroup(t.Context(), project, "europe-west1", "office"); got != want || err != nil {
				t.Errorf("by a group: %t, %v", got, err)
			}
			s.Revoke("iap.tunnelInstances.accessViaIAP", "iap.tunnelDestGroups.accessViaIAP")
		}
	})
}

// What is tried again, and what it comes to.
func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name  string
		fail  int
		times int
		took  [2]time.Duration // at least, less than
		calls int
		ok    bool
	}{
		{"busy once", 503, 1, [2]time.Duration{500 * time.Millisecond, 750 * time.Millisecond}, 2, true},
		{"too many requests", 429, 3, [2]time.Duration{3500 * time.Millisecond, 5250 * time.Millisecond}, 4, true},
		{"busy for good", 500, 9, [2]time.Duration{3500 * time.Millisecond, 5250 * time.Millisecond}, 4, false},
		{"refused", 400, 1, [2]time.Duration{0, 1}, 1, false},
		{"a token that is no good", 401, 1, [2]time.Duration{0, 1}, 2, true},
		{"no token that is any good", 401, 9, [2]time.Duration{0, 1}, 2, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, c := newCloud(googletest.Instance{})
			s.Fail("compute.instances.get", test.fail, test.times)
			start := time.Now()
			_, err := c.Instance(t.Context(), ref)
			took := time.Since(start)
			if (err == nil) != test.ok || len(s.Calls()) != test.calls || took < test.took[0] || took >= test.took[1] {
				t.Errorf("%s: %v after %d calls and %v", test.name, err, len(s.Calls()), took)
			}
		})
	}
}

// A refused token is handed back, so that its owner can drop it.
func TestRefusedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		var handedBack []string
		c.Token = func(_ context.Context, refused string) (string, error) {
			handedBack = append(handedBack, refused)
			if refused == "" {
				return "stale", nil
			}
			return s.Issue(), nil
		}
		if _, err := c.Instance(t.Context(), ref); err != nil || !slices.Equal(handedBack, []string{"", "stale"}) {
			t.Error(err, handedBack)
		}
		none := errors.New("not signed in")
		c.Token = func(context.Context, string) (string, error) { return "", none }
		if _, err := c.Instance(t.Context(), ref); !errors.Is(err, none) {
			t.Error(err)
		}
	})
}

// The quota project goes along as told for an API, and is left out where the caller may not use it.
func TestQuotaProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		var asked []string
		c.QuotaProject = func(_ context.Context, api string) string {
			asked = append(asked, api)
			return map[string]string{"oslogin": "somebody-elses", "iap": project}[api]
		}
		if _, err := c.Instance(t.Context(), ref); err != nil || len(s.Calls()) != 1 {
			t.Error(err, s.Calls())
		}
		if _, err := c.LoginProfile(t.Context(), email, project); err != nil || len(s.Calls()) != 3 {
			t.Error(err, s.Calls())
		}
		if _, err := c.MayTunnel(t.Context(), ref); err != nil || len(s.Calls()) != 4 {
			t.Error(err, s.Calls())
		}
		if !slices.Equal(asked, []string{"compute", "oslogin", "iap"}) {
			t.Errorf("asked for %q", asked)
		}
	})
}

// Without a token none is sent, and a refusal is final: it is for somebody on the way to add one.
func TestNoToken(t *testing.T) {
	s := googletest.NewUnstartedServer()
	s.StartInMemory()
	c := client(s)
	c.Token = func(context.Context, string) (string, error) { return "", nil }
	way := &elsewhere{RoundTripper: s.Client().Transport}
	c.HTTP = &http.Client{Transport: way}
	if _, err := c.Instance(t.Context(), ref); !hasStatus(err, http.StatusUnauthorized) || len(way.asked) != 1 || way.authorized {
		t.Errorf("%v after %q", err, way.asked)
	}
}

func TestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newCloud(googletest.Instance{})
		s.Revoke("compute.instances.get")
		var e *Error
		if _, err := c.Instance(t.Context(), ref); !errors.As(err, &e) || e.Status != 403 || e.Permission != "compute.instances.get" || e.Reason != "forbidden" || e.Service != "" {
			t.Errorf("%+v", e)
		}
		s.Disable("oslogin.googleapis.com")
		if _, err := c.LoginProfile(t.Context(), email, project); !errors.As(err, &e) || e.Service != "oslogin.googleapis.com" || e.Consumer != "projects/lab-project" || e.Permission != "" {
			t.Errorf("%+v", e)
		}
	})
}

// answers is a server that says something else than the API.
type answers struct {
	status int
	body   io.Reader
	header http.Header
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(a.body), Request: r}, nil
}

func TestStrangeAnswers(t *testing.T) {
	for _, test := range []struct {
		name string
		answers
		want string
	}{
		{"a proxy's page", answers{status: 403, body: strings.NewReader("<html>no")}, "HTTP status 403 Forbidden"},
		{"a page with status 200", answers{status: 200, body: strings.NewReader("<html>hello")}, "not the answer of the API"},
		{"cut short", answers{status: 200, body: strings.NewReader(`{"id": "4`)}, "not the answer of the API"},
		{"without end", answers{status: 200, body: zeros{}}, "larger than 16 MiB"},
		{"a redirect", answers{status: 302, body: strings.NewReader(""), header: http.Header{"Location": {"http://elsewhere.example/"}}}, "HTTP status 302"},
		{"an odd error", answers{status: 400, body: strings.NewReader(`{"error": "x"}`)}, "HTTP status 400"},
	} {
		c := &Client{HTTP: &http.Client{Transport: test.answers}, Token: func(context.Context, string) (string, error) { return "t", nil }}
		if _, err := c.Instance(t.Context(), ref); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestWhereATokenMayGo(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://compute.googleapis.com/": true, "http://127.0.0.1:1/": true, "http://[::1]/": true, "http://localhost/": true,
		"http://compute.googleapis.com/": false, "http://127.0.0.1.example.com/": false, "ftp://localhost/": false,
	} {
		if err := mayCarryToken(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	c := &Client{Compute: "https://compute.example/compute/staging"}
	for got, want := range map[string]string{
		c.compute("projects", "example.com:p", "zones", "z/../y"): "https://compute.example/compute/staging/projects/example.com:p/zones/z%2F..%2Fy",
		c.osLogin("v1", "users", "a b@x", ":importSshPublicKey"):  "https://oslogin.googleapis.com/v1/users/a%20b@x:importSshPublicKey",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	in := func(zones ...string) (list []Instance) {
		for _, z := range zones {
			list = append(list, Instance{Ref: Ref{"p", z, "vm"}})
		}
		return list
	}
	broken := errors.New("broken")
	for _, test := range []struct {
		name     string
		zone     string
		findings []Finding
		want     string // a zone, or the error
	}{
		{"one", "", []Finding{{"p", in("a"), nil}}, "a"},
		{"none", "", []Finding{{"p", nil, nil}, {"q", nil, nil}}, "there is no VM called vm in project p or q"},
		{"several", "", []Finding{{"p", in("a", "b"), nil}}, "project p has 2 VMs called vm, in the zones a, b"},
		{"several, one in the zone", "b", []Finding{{"p", in("a", "b"), nil}}, "b"},
		{"none in the zone", "c", []Finding{{"p", in("a", "b"), nil}}, "there is no VM called vm in zone c of project p"},
		{"the first project that has any", "", []Finding{{"p", nil, nil}, {"q", in("a"), nil}, {"r", in("b"), nil}}, "a"},
		{"an earlier one that cannot be asked", "", []Finding{{"p", nil, broken}, {"q", in("a"), nil}}, "a"},
		{"one that cannot be asked may have it", "", []Finding{{"p", nil, nil}, {"q", nil, broken}}, "cannot look up VM vm in project q: broken"},
	} {
		got, err := Choose("vm", test.zone, test.findings)
		text := got.Zone
		if err != nil {
			text = err.Error()
		}
		if text != test.want {
			t.Errorf("%s: %s, want %s", test.name, text, test.want)
		}
	}
}

func TestAddress(t *testing.T) {
	vm := Instance{Ref: ref, Interfaces: []Interface{
		{Name: "nic0", Internal: "10.0.0.2", InternalIPv6: "fd20::2", ExternalIPv6: "2001:db8::2"},
		{Name: "nic1", Internal: "10.1.0.2", External: "192.0.2.2"},
	}}
	for _, test := range []struct{ nic, kind, family, want string }{
		{"nic0", "internal", "any", "10.0.0.2"},
		{"nic0", "internal", "inet6", "fd20::2"},
		{"nic0", "external", "any", "2001:db8::2"},
		{"nic0", "external", "inet", "VM vm has no external address at nic0"},
		{"nic1", "external", "any", "192.0.2.2"},
		{"nic1", "internal", "inet6", "VM vm has no internal address at nic1"},
		{"nic2", "internal", "any", "VM vm has no internal address at nic2"},
	} {
		got, err := vm.Address(test.nic, test.kind, test.family)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
