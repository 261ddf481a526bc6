package config

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"
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
		{"--config-ssh", Fleet{ConfigFile: "/home/ann/.ssh/config"}, []string{"home"}},
		{"--config-ssh --dry-run --ssh-config-file=~/c --filter=x=y --no-push", Fleet{ConfigFile: "/home/ann/c", Filter: "x=y", DryRun: true, Args: []string{"--push-key=no"}}, []string{"home"}},
		{"--config-ssh --project=a,b --configuration=default --push-key instance --ssh-key-expire-after 2h", Fleet{ConfigFile: "/home/ann/.ssh/config",
			Args: []string{"--configuration=default", "--ssh-key-expire-after=2h", "--push-key=instance"}}, []string{"a", "b"}},
		{"--config-ssh --remove", Fleet{ConfigFile: "/home/ann/.ssh/config", Remove: true}, nil},
		{"--completion=fish", Fleet{Format: "fish"}, []string{"home"}},
	} {
		p, err := m.resolve(t, test.line)
		if err != nil || !reflect.DeepEqual(p.Fleet, test.fleet) || !reflect.DeepEqual(p.Projects, test.projects) || p.GCloud.Account != "ann@example.com" {
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
		{"--config-ssh=yes", "option --config-ssh takes no value"},
		{"--config-ssh --push-key=maybe", `--push-key must be auto, no, instance or project, not "maybe"`},
		{"--config-ssh --ssh-key-expire-after=soon", `--ssh-key-expire-after must be a time, such as 90m or 1d, not "soon"`},
		{"--config-ssh --json", "unknown option --json beside --config-ssh"},
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

func TestEnsureKey(t *testing.T) {
	type key struct {
		user     string
		given    bool
		file     string
		lifetime time.Duration
		push     string
	}
	of := func(p Plan) key { return key{p.User, p.UserGiven, p.KeyFile, p.KeyLifetime, p.PushKey} }
	google := "/home/ann/.ssh/google_compute_engine"
	for _, test := range []struct {
		line string
		want key
	}{
		{"--listen-on-stdin --ensure-key vm 22 --project=p --zone=z", key{"ann", false, google, 24 * time.Hour, "auto"}},
		{"--listen-on-stdin --ensure-key=~/k -l bob --ssh-key-expire-after=2h --push-key=instance vm 22", key{"bob", true, "/home/ann/k", 2 * time.Hour, "instance"}},
	} {
		if p, err := (machine{}).resolve(t, test.line); err != nil || !p.EnsureKey || of(p) != test.want {
			t.Errorf("%s: %+v, %v", test.line, of(p), err)
		}
	}
	for line, want := range map[string]string{
		"--local-port=1 --ensure-key vm 22":                          "--ensure-key goes with --listen-on-stdin",
		"--tunnel --ensure-key vm 22":                                "--ensure-key goes with --listen-on-stdin",
		"--listen-on-stdin -l bob vm 22":                             "-l goes with --ensure-key",
		"--listen-on-stdin --ensure-key --push-key=x vm 22":          `--push-key must be auto, no, instance or project, not "x"`,
		"--listen-on-stdin --ensure-key --region=r --network=n h 22": "--ensure-key is about VMs: nobody can give a key to another host",
		"--listen-on-stdin --ensure-key -l -x vm 22":                 "remote username contains invalid characters",
	} {
		var usage *UsageError
		if _, err := (machine{}).resolve(t, line); !errors.As(err, &usage) || usage.Text != want {
			t.Errorf("%s: %v", line, err)
		}
	}

	// Served in this process the line says the same of the key, unless a keyword does.
	block := "Host vm\n ProxyCommand iapssh --listen-on-stdin --ensure-key=/k -l ann --push-key=project --ssh-key-expire-after=3h --project=p --zone=z %h %p\n"
	if p, err := withConfig(block).resolve(t, "vm"); err != nil || p.Route != RouteIAP || of(p) != (key{"ann", false, "/k", 3 * time.Hour, "project"}) {
		t.Errorf("%s %+v, %v", p.Route, of(p), err)
	}
	if p, err := withConfig(block).resolve(t, "--push-key=no --ssh-key-file=/other vm"); err != nil || of(p) != (key{"ann", false, "/other", 3 * time.Hour, "no"}) {
		t.Errorf("%+v, %v", of(p), err)
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
