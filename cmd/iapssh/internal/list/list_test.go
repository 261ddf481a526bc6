package list

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

func vms() []VM {
	ref := func(name, zone string) gce.Ref { return gce.Ref{Project: "my-project", Zone: zone, Name: name} }
	return []VM{
		Of(gce.Instance{Ref: ref("db", "europe-west1-b"), ID: "1", Status: "RUNNING", Labels: map[string]string{"env": "prod"}, Tags: []string{"ssh-in", "ssh_in"},
			Interfaces: []gce.Interface{{Name: "nic0", Internal: "10.0.0.2"}, {Name: "nic1", Internal: "10.9.9.9", External: "192.0.2.9"}}}),
		Of(gce.Instance{Ref: ref("db", "us-central1-a"), ID: "2", Status: "TERMINATED"}),
		Of(gce.Instance{Ref: ref("web", "us-central1-a"), ID: "3", Status: "RUNNING\x1b[31m", Windows: true,
			Interfaces: []gce.Interface{{Name: "nic0", InternalIPv6: "fd00::2", External: "192.0.2.1"}}}),
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := Table(&b, vms()); err != nil {
		t.Fatal(err)
	}
	want := `NAME  ZONE            PROJECT     INTERNAL_IP  EXTERNAL_IP  STATUS
db    europe-west1-b  my-project  10.0.0.2                  RUNNING
db    us-central1-a   my-project                            TERMINATED
web   us-central1-a   my-project  fd00::2      192.0.2.1    RUNNING?[31m
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestJSON(t *testing.T) {
	var b strings.Builder
	if err := JSON(&b, vms()[:1]); err != nil {
		t.Fatal(err)
	}
	want := `[
  {
    "name": "db",
    "zone": "europe-west1-b",
    "project": "my-project",
    "full_name": "db.europe-west1-b.my-project",
    "id": "1",
    "status": "RUNNING",
    "internal_ip": "10.0.0.2",
    "external_ip": "",
    "windows": false,
    "labels": {
      "env": "prod"
    },
    "tags": [
      "ssh-in",
      "ssh_in"
    ]
  }
]
`
	if b.String() != want {
		t.Errorf("got %s", b.String())
	}
	b.Reset()
	if err := JSON(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("of none: %q, %v", b.String(), err)
	}
}

func TestInventory(t *testing.T) {
	running := vms()
	running[2].Status = "RUNNING"
	var b strings.Builder
	if err := Inventory(&b, running, "/bin/iapssh"); err != nil {
		t.Fatal(err)
	}
	var got map[string]struct {
		Hosts, Children []string
		Vars            map[string]string
		HostVars        map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	db, web := "db.europe-west1-b.my-project", "web.us-central1-a.my-project"
	for name, want := range map[string][]string{
		"project_my_project": {db, web}, "zone_europe_west1_b": {db}, "zone_us_central1_a": {web},
		"label_env_prod": {db}, "tag_ssh_in": {db}, "all": nil, "_meta": nil,
	} {
		if g, ok := got[name]; !ok || !reflect.DeepEqual(g.Hosts, want) {
			t.Errorf("%s: %q", name, g.Hosts)
		}
	}
	children := []string{"label_env_prod", "project_my_project", "tag_ssh_in", "zone_europe_west1_b", "zone_us_central1_a", "ungrouped"}
	if all := got["all"]; !reflect.DeepEqual(all.Children, children) || all.Vars["ansible_ssh_executable"] != "/bin/iapssh" || len(got) != 7 {
		t.Errorf("%+v", all)
	}
	if vars := got["_meta"].HostVars; len(vars) != 2 || vars[db]["gce_internal_ip"] != "10.0.0.2" || vars[web]["gce_windows"] != true {
		t.Errorf("%+v", vars)
	}

	for host, want := range map[string]string{db: `"gce_id": "1"`, "db": "{}"} {
		b.Reset()
		if err := InventoryHost(&b, running, host); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %s, %v", host, b.String(), err)
		}
	}
}
