package config

import (
	"context"
	"errors"
	"reflect"
	"testing"
)

func TestFleet(t *testing.T) {
	m := machine{
		files: map[string]string{"/home/ann/.config/gcloud/configurations/config_default": "[core]\nproject = home\naccount = ann@example.com\n"},
		facts: Facts{ProjectHere: func(context.Context) string { t.Error("asked the metadata server"); return "" }},
	}
	for _, test := range []struct {
		line     string
		fleet    Fleet
		projects []string
	}{
		{"--list", Fleet{Format: "table"}, []string{"home"}},
		{"--list --project=b,a --project=b,a,b", Fleet{Format: "table"}, []string{"b", "a"}},
		{"--list --json --filter status=RUNNING --zone=z", Fleet{Format: "json", Filter: "status=RUNNING", Zone: "z"}, []string{"home"}},
		{"--list=json --json", Fleet{Format: "json"}, []string{"home"}},
		{"--list=ansible --project example.com:p --list", Fleet{Format: "ansible"}, []string{"example.com:p"}},
		{"--list=ansible --host vm", Fleet{Format: "ansible", Host: "vm"}, []string{"home"}},
		{"--completion=fish", Fleet{Format: "fish"}, []string{"home"}},
	} {
		p, err := m.resolve(t, test.line)
		if err != nil || p.Fleet != test.fleet || !reflect.DeepEqual(p.Projects, test.projects) || p.GCloud.Account != "ann@example.com" {
			t.Errorf("%s: %+v of %q, %v", test.line, p.Fleet, p.Projects, err)
		}
	}
	for _, test := range []struct{ line, want string }{
		{"--list=x", "--list wants one of =table, =json, =ansible"},
		{"--list=ansible --json", "--list=ansible and --json exclude each other"},
		{"--list web-1", `--list is about all VMs of a project: "web-1" has no place there; a name or a label is for --filter`},
		{"--list --host vm", "--host is Ansible's question, for --list=ansible"},
		{"--list --host", "option requires an argument -- host"},
		{"--list --json=1", "option --json takes no value"},
		{"--list --tty", "unknown option --tty beside --list"},
		{"--list --project=a/b", `"a/b" is not the name of a project`},
		{"--completion", "--completion wants one of =bash, =zsh, =fish, =names"},
		{"--completion=csh", "--completion wants one of =bash, =zsh, =fish, =names"},
	} {
		_, err := m.resolve(t, test.line)
		var usage *UsageError
		if !errors.As(err, &usage) || usage.Text != test.want || !usage.Ours {
			t.Errorf("%s: %v", test.line, err)
		}
	}
}

// No shell waits for the network, not even for that of the VM it may run on.
func TestCompletionIsOffline(t *testing.T) {
	asked := 0
	m := machine{facts: Facts{ProjectHere: func(context.Context) string { asked++; return "here" }}}
	if p, err := m.resolve(t, "--completion=names"); err != nil || asked != 0 || len(p.Projects) != 0 {
		t.Errorf("%q, %v, asked %d times", p.Projects, err, asked)
	}
	if p, err := m.resolve(t, "--list"); err != nil || asked != 1 || p.Projects[0] != "here" {
		t.Errorf("%q, %v, asked %d times", p.Projects, err, asked)
	}
	var missing *MissingError
	if _, err := (machine{}).resolve(t, "--list"); !errors.As(err, &missing) || missing.What != "project" {
		t.Error(err)
	}
}
