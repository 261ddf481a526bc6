package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the installed OpenSSH may be too old to be asked about, by ssh_config(5)
// of OpenSSH 10; and what a comparison cannot see.
func TestEvaluate(t *testing.T) {
	for _, test := range []struct {
		config string
		argv   string
		get    func(Plan) any
		want   any
	}{
		{"Match tagged x,y\n Port 2\n", "-P y 10.0.0.1", planPort, 2},
		{"Tag y\nMatch tagged y\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match tagged \"\"\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match tagged \"\"\n Port 2\n", "-P y 10.0.0.1", planPort, 22},
		{"Match command \"ls*\"\n Port 2\n", "10.0.0.1 ls -l", planPort, 2},
		{"Match command \"\"\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match sessiontype shell\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match sessiontype exec\n Port 2\n", "10.0.0.1 ls", planPort, 2},
		{"Match sessiontype subsystem\n Port 2\n", "-s 10.0.0.1 sftp", planPort, 2},
		{"Match sessiontype none,exec\n Port 2\n", "-N 10.0.0.1", planPort, 2},
		{"Match version OpenSSH_10.*\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match localnetwork 192.0.2.0/24\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match localnetwork 198.51.100.0/24,2001:db8::/32\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match localnetwork 198.51.100.0/24\n Port 2\n", "10.0.0.1", planPort, 22},
		{"Match !localnetwork 198.51.100.0/24\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match exec \"try 10.0.0.1\"\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match !exec \"fail %h\"\n Port 2\n", "10.0.0.1", planPort, 2},
		{"Match host other exec \"not run\"\n Port 2\n", "10.0.0.1", planPort, 22},

		{"Include %n.conf ${DIR}/b\n", "10.0.0.1", planPort, 3},
		{"Host other\n Include b\n", "10.0.0.1", planPort, 22},
		{"Include ~/.ssh/b\n", "10.0.0.1", planPort, 4},

		{"User %u-%i-${DIR}\n", "10.0.0.1", func(p Plan) any { return p.User }, "ann-1000-/home/ann/.ssh"},
		{"User %u\n", "-l %u 10.0.0.1", func(p Plan) any { return p.User }, "%u"},
		{"SetEnv A=%r@%h B=${DIR}\n", "u@10.0.0.1", func(p Plan) any { return p.SetEnv }, []string{"A=u@10.0.0.1", "B=/home/ann/.ssh"}},
		{"IdentityFile ~bob/%r\nIdentityFile %d/${DIR}\n", "u@10.0.0.1", func(p Plan) any { return p.IdentityFiles },
			[]string{"/home/bob/u", "/home/ann//home/ann/.ssh"}},
		{"CertificateFile ~/c-%L\n", "10.0.0.1", func(p Plan) any { return p.CertificateFiles }, []string{"/home/ann/c-laptop"}},
		{"PubkeyAuthentication unbound\n", "10.0.0.1", func(p Plan) any { return p.PubkeyAuthentication }, true},

		{"", "10.0.0.1", func(p Plan) any { return p.AgentSocket }, "/agent"},
		{"IdentityAgent none\n", "10.0.0.1", func(p Plan) any { return p.AgentSocket }, ""},
		{"IdentityAgent SSH_AUTH_SOCK\n", "10.0.0.1", func(p Plan) any { return p.AgentSocket }, "/agent"},
		{"IdentityAgent $DIR\n", "10.0.0.1", func(p Plan) any { return p.AgentSocket }, "/home/ann/.ssh"},
		{"IdentityAgent ${DIR}/a\n", "10.0.0.1", func(p Plan) any { return p.AgentSocket }, "/home/ann/.ssh/a"},
		{"IdentityAgent ~/a-%h\n", "10.0.0.1", func(p Plan) any { return p.AgentSocket }, "/home/ann/a-10.0.0.1"},
		{"IdentityAgent $NOTSET\n", "10.0.0.1", func(p Plan) any { return p.AgentSocket }, ""},

		{"", "10.0.0.1", func(p Plan) any { return len(p.IdentityFiles) }, 5},
		{"IAPProject p\nIAPZone z\n", "vm", func(p Plan) any { return []any{p.KeyFile, p.KeyLifetime, p.PushKey} }, []any{"/home/ann/.ssh/google_compute_engine", 24 * time.Hour, "auto"}},
		{"IAPKeyFile ~/.ssh/work\nIAPKeyLifetime 90m\nIAPPushKey instance\n", "--plain vm.us-east1-b.p", func(p Plan) any { return []any{p.KeyFile, p.KeyLifetime, p.PushKey} }, []any{"/home/ann/.ssh/work", 90 * time.Minute, "no"}},
		{"", "--ssh-key-file=/k --ssh-key-expire-after=2h --no-push vm.us-east1-b.p", func(p Plan) any { return []any{p.KeyFile, p.KeyLifetime, p.PushKey} }, []any{"/k", 2 * time.Hour, "no"}},
		{"", "--no-push --push-key=project vm.us-east1-b.p", func(p Plan) any { return p.PushKey }, "project"},
		{"", "--push-key=project --plain vm.us-east1-b.p", func(p Plan) any { return p.PushKey }, "no"},
		{"IAPProject p\nIAPZone z\nIdentityFile /k\n", "vm", func(p Plan) any { return p.IdentityFiles }, []string{"/k"}},
		{"IAPProject p\nIAPZone z\nHostName vm-2\n", "alias", func(p Plan) any { return []any{p.Original, p.IAP.Instance} }, []any{"alias", "vm-2"}},

		{"Host 10.*\n Compression yes\n RSAAuthentication yes\nHost *\n Compression no\n Protocol 2\n", "10.0.0.1",
			func(p Plan) any { return p.Ignored }, []Ignored{
				{"compression", "/home/ann/.ssh/config line 2"}, {"rsaauthentication", "/home/ann/.ssh/config line 3"}}},
		{"ProxyCommand nc %h %p\n", "-oIAP=yes -oIAPProject=p -oIAPZone=z vm", func(p Plan) any { return p.Route }, RouteIAP},
		{"LocalForward 1 h:2\nClearAllForwardings yes\n", "10.0.0.1", planPort, 22},
		{"ProxyCommand none\nProxyJump j\n", "10.0.0.1", planPort, 22}, // the first of the two wins
		{"ProxyJump none\nProxyCommand none\n", "10.0.0.1", planPort, 22},
	} {
		m := withConfig(test.config)
		m.files["/home/ann/.ssh/10.0.0.1.conf"] = "Port 3\n"
		m.files["/home/ann/.ssh/b"] = "Port 4\n"
		m.env = map[string]string{"DIR": "/home/ann/.ssh", "SSH_AUTH_SOCK": "/agent"}
		m.status = map[string]int{"try 10.0.0.1": 0, "fail 10.0.0.1": 1}
		m.addrs = []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1")}
		p, err := m.resolve(t, test.argv)
		if err != nil {
			t.Errorf("%s with %q: %v", test.argv, test.config, err)
		} else if got := test.get(p); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s with %q: got %v, want %v", test.argv, test.config, got, test.want)
		}
	}
}

func planPort(p Plan) any { return p.Port }

// The user's file comes before the system's, and both before the defaults.
func TestFilesInOrder(t *testing.T) {
	m := machine{files: map[string]string{
		"/home/ann/.ssh/config":        "User ann1\n",
		"/etc/ssh/ssh_config":          "User sys\nPort 5\nInclude ssh_config.d/*.conf\n",
		"/etc/ssh/ssh_config.d/x.conf": "Port 6\nHashKnownHosts yes\n",
	}}
	p, err := m.resolve(t, "10.0.0.1")
	if err != nil || p.User != "ann1" || p.Port != 5 || !p.HashKnownHosts {
		t.Errorf("got %s, %d, %v, %v", p.User, p.Port, p.HashKnownHosts, err)
	}
	m.files["/other"] = "HashKnownHosts no\n"
	p, err = m.resolve(t, "-F /other 10.0.0.1")
	if err != nil || p.User != "ann" || p.Port != 22 {
		t.Errorf("-F: got %s, %d, %v", p.User, p.Port, err)
	}
}

func TestConfigErrors(t *testing.T) {
	const file = "/home/ann/.ssh/config"
	for _, test := range []struct {
		config string
		line   int
		want   string // the first line
	}{
		{"\nFoo 1\n", 2, file + ": line 2: Bad configuration option: foo"},
		{"\x1b[31mFoo 1\n", 1, file + `: line 1: Bad configuration option: \033[31mfoo`},
		{"IAPFoo 1\n", 1, file + ": line 1: Bad configuration option: iapfoo"},
		{"Match user\n", 1, file + " line 1: Bad Match condition: missing argument for Match 'user'"},
		{"Match host h frob x\n", 1, file + " line 1: Bad Match condition: Unsupported Match attribute frob"},
		{"Match exec \"cannot run\"\n", 1, file + " line 1: Bad Match condition: match exec 'cannot run' error: not in this test: cannot run"},
		{"Match localnetwork 10.0.0.1/8\n", 1, file + " line 1: Bad Match condition: Inconsistent mask length for match network \"10.0.0.1/8\""},
		{"Include loop\n", 0, "Too many recursive configuration includes"},
		{"Include writable\n", 0, "Bad owner or permissions on /home/ann/.ssh/writable"},
		{"Include secret\n", 1, file + " line 1: Can't open user config file /home/ann/.ssh/secret: Permission denied."},
		{"RefuseConnection \"not here\"\n", 1, file + " line 1: RefuseConnection: not here"},
		{"IdentityFile /k/%z\n", 1, file + " line 1: identityfile: unknown key %z"},
		{"IdentityFile /k/%\n", 1, file + " line 1: identityfile: invalid format: % at the end"},
		{"IdentityFile ${NOPE}\n", 1, file + " line 1: identityfile: env var ${NOPE} has no value"},
		{"IdentityFile ~nobody/k\n", 1, file + " line 1: identityfile: no such user nobody"},
		{"SetEnv A=%z\n", 1, file + " line 1: setenv: unknown key %z"},
		{"User %r\n", 1, file + " line 1: user: unknown key %r"},
		{"User %C\n", 1, file + " line 1: user: unknown key %C"},
		{"User ${NOPE}\n", 1, file + " line 1: user: env var ${NOPE} has no value"},
		{"Match exec \"test %z\"\n", 1, file + " line 1: Bad Match condition: failed to expand match exec 'test %z': unknown key %z"},
		{"Match host = a\n", 1, file + " line 1: Bad Match condition: missing argument for Match 'a'"},
		{"CanonicalizeHostname yes\nCanonicalDomains d\nCanonicalizeFallbackLocal no\nHostName h\n", 3, file + " line 3: Could not resolve host \"h\""},
		{"User ${EVIL}\n", 1, file + " line 1: user: remote username contains invalid characters"},
	} {
		m := withConfig(test.config)
		m.env = map[string]string{"EVIL": "-x"}
		m.files["/home/ann/.ssh/loop"] = "Include loop\n"
		m.files["/home/ann/.ssh/writable"], m.files["/home/ann/.ssh/secret"] = "", ""
		m.modes = map[string]fs.FileMode{"/home/ann/.ssh/writable": 0o666, "/home/ann/.ssh/secret": 0o200}
		_, err := m.resolve(t, "10.0.0.1")
		var bad *ConfigError
		if !errors.As(err, &bad) || bad.Text != test.want || bad.Line != test.line {
			t.Errorf("%q: got %v (%+v), want line %d: %s", test.config, err, bad, test.line, test.want)
		}
	}
}

// One run names every bad line.
func TestAllBadLines(t *testing.T) {
	_, err := withConfig("Foo 1\nPort x\nPort 1\n").resolve(t, "h")
	want := "/home/ann/.ssh/config: line 1: Bad configuration option: foo\n" +
		"/home/ann/.ssh/config line 2: Bad port 'x'.\n" +
		"/home/ann/.ssh/config: terminating, 2 bad configuration options"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestPermissions(t *testing.T) {
	m := withConfig("Port 2\n")
	m.modes = map[string]fs.FileMode{"/home/ann/.ssh/config": 0o620}
	if _, err := m.resolve(t, "10.0.0.1"); err == nil || err.Error() != "Bad owner or permissions on /home/ann/.ssh/config" {
		t.Errorf("group-writable: %v", err)
	}
	if _, err := m.resolve(t, "-F /home/ann/.ssh/config 10.0.0.1"); err != nil {
		t.Errorf("-F does not check: %v", err)
	}
	m.files["/etc/passwd"], m.files["/etc/group"] = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n", "root:x:0:\nann:x:1000:\n"
	if _, err := m.resolve(t, "10.0.0.1"); err != nil {
		t.Errorf("writable for the user's own group: %v", err)
	}
	m.modes["/home/ann/.ssh/config"] = 0o622
	if _, err := m.resolve(t, "10.0.0.1"); err == nil {
		t.Error("writable for all is accepted")
	}
	m.os = "windows"
	if _, err := m.resolve(t, "-F /home/ann/.ssh/config 10.0.0.1"); err != nil {
		t.Errorf("Windows: %v", err)
	}
}

// ~ is what the system calls home: by a variable, which a lab or a service may set, else by the password file, or the like.
func TestHome(t *testing.T) {
	for _, test := range []struct {
		os   string
		env  map[string]string
		want string
	}{
		{"linux", nil, "/home/ann/k"},
		{"linux", map[string]string{"HOME": "", "USERPROFILE": `C:\Users\ann`}, "/home/passwd/k"},
		{"windows", map[string]string{"USERPROFILE": `C:\Users\ann`}, `C:\Users\ann/k`},
		{"windows", nil, "/home/passwd/k"}, // HOME may be a Unix path there, Git Bash's
	} {
		plan, err := machine{os: test.os, env: test.env}.resolve(t, "-o IdentityFile=~/k 10.0.0.1")
		if err != nil || len(plan.IdentityFiles) != 1 || plan.IdentityFiles[0] != test.want {
			t.Errorf("%s, %v: %q, %v, want %s", test.os, test.env, plan.IdentityFiles, err, test.want)
		}
	}
}

func TestOnlyMember(t *testing.T) {
	const users = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n"
	for _, test := range []struct{ users, groups, want string }{
		{users, "ann:x:1000:\n", "1000"},
		{users, "ann:x:1000:ann", "1000"},
		{users, "", "1000"},
		{users, "ann:x:1000:bob\n", ""},
		{users, "ann:x:1000:ann,bob\n", ""},
		{users, "bob:x:1001:ann\nann:x:1000:\n", "1000"},
		{users + "cat:x:1002:1000::/home/cat:/bin/sh\n", "ann:x:1000:\n", ""},
		{"", "ann:x:1000:ann\n", ""}, // whose main group it is, the files do not tell
		{"odd\n::\n", "odd\n", ""},
	} {
		if got := onlyMember(test.users, test.groups, "1000"); got != test.want {
			t.Errorf("%q and %q: %q, want %q", test.users, test.groups, got, test.want)
		}
	}
}

// A pattern of Include may match a directory.
func TestIncludeDirectory(t *testing.T) {
	m := withConfig("Include d/*\nUser u\n")
	m.files["/home/ann/.ssh/d/old"] = ""
	m.modes = map[string]fs.FileMode{"/home/ann/.ssh/d/old": fs.ModeDir | 0o775}
	if plan, err := m.resolve(t, "10.0.0.1"); err != nil || plan.User != "u" {
		t.Errorf("%q, %v", plan.User, err)
	}
}

func TestGlobalKnownHostsAtHome(t *testing.T) {
	plan, err := withConfig("GlobalKnownHostsFile ~/g ~bob/g /%h\n").resolve(t, "10.0.0.1")
	if want := []string{"/home/ann/g", "/home/bob/g", "/%h"}; err != nil || !slices.Equal(plan.GlobalKnownHostsFiles, want) {
		t.Errorf("%q, %v", plan.GlobalKnownHostsFiles, err)
	}
}

func TestRefusedKeywords(t *testing.T) {
	for _, line := range []string{
		"Tunnel yes", "Tunnel ethernet",
	} {
		_, err := withConfig("\nHost 10.0.0.1\n "+line+"\n").resolve(t, "10.0.0.1 x")
		var refused *UnsupportedError
		keyword, _, _ := strings.Cut(line, " ")
		if !errors.As(err, &refused) || refused.Option != keyword || refused.Where != "/home/ann/.ssh/config line 3" {
			t.Errorf("%s: got %v, want a refusal that says where", line, err)
		}
		if _, err := withConfig("Host other\n "+line+"\n").resolve(t, "10.0.0.1"); err != nil {
			t.Errorf("%s for another host: %v", line, err)
		}
	}
}

// Includes that multiply must end, and soon.
func TestIncludesMultiply(t *testing.T) {
	m := machine{files: map[string]string{}}
	for i := range maxIncludeDepth {
		m.files[fmt.Sprintf("/%d", i)] = strings.Repeat(fmt.Sprintf("Include /%d\n", i+1), 16)
	}
	m.files[fmt.Sprintf("/%d", maxIncludeDepth)] = "Port 1\n"
	_, err := m.resolve(t, "-F /0 h")
	if err == nil || !strings.HasSuffix(err.Error(), "too many configuration lines") {
		t.Errorf("got %v", err)
	}
}

func TestKeywordTable(t *testing.T) {
	for alias, name := range aliases {
		if _, ok := keywords[name]; !ok {
			t.Errorf("alias %s stands for %s, which is no keyword", alias, name)
		}
		if _, ok := keywords[alias]; ok {
			t.Errorf("%s is an alias and a keyword", alias)
		}
	}
	known := map[string]bool{}
	for _, r := range alwaysRefused {
		known[lower(r.keyword)] = true
	}
	for name, k := range keywords {
		if name != lower(name) || k.read == nil && k.ports == nil {
			t.Errorf("%s: bad row", name)
		}
		if (k.effect == refused) != known[name] {
			t.Errorf("%s: refused in one table only", name)
		}
	}
}

func TestLimits(t *testing.T) {
	for want, config := range map[string]string{
		"file is larger than 16 MiB":                strings.Repeat("\n", maxFile+1),
		"line too long":                             "User " + strings.Repeat("a", maxLine) + "\n",
		"Too many identityfile specified":           manyLines("IdentityFile /k/%d\n", maxIdentities+1),
		"Too many sendenv specified (max 1000).":    manyLines("SendEnv E%d\n", maxCollected+1),
		"unknown key %z":                            "RemoteCommand %z\n",
		"expansion too long":                        "RemoteCommand " + strings.Repeat("%h", maxLine/2-20) + "\n",
		"/etc/ssh/ssh_config: terminating, 1 bad":   "",
		"keyword user extra arguments at end of li": "User a b\n",
	} {
		m := withConfig(config)
		m.files["/etc/ssh/ssh_config"] = "Foo\n"
		if config != "" {
			delete(m.files, "/etc/ssh/ssh_config")
		}
		_, err := m.resolve(t, "10.0.0.1 -o HostName="+strings.Repeat("1.", 200)+"1")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %.200v, want %s", config, err, want)
		}
	}
}

// A list of algorithms that are none of ours is refused where it stands.
func TestNoAlgorithm(t *testing.T) {
	m := withConfig("\nMACs umac-64@openssh.com\n")
	m.facts.Algorithms = func(keyword, value string) ([]string, error) {
		if keyword != "macs" || value != "umac-64@openssh.com" {
			t.Errorf("asked about %s %s", keyword, value)
		}
		return nil, errors.New("nothing supported; supported are x,y")
	}
	_, err := m.resolve(t, "10.0.0.1")
	var bad *ConfigError
	if !errors.As(err, &bad) || bad.Line != 2 || !strings.HasSuffix(bad.Text, "line 2: macs: nothing supported; supported are x,y") {
		t.Errorf("got %v", err)
	}
}

// What the plan asks of the way to the host and is not built is said when it is
// taken.
func TestLacks(t *testing.T) {
	for _, test := range []struct{ config, argv, want string }{
		{"ProxyJump j\n", "10.0.0.1", ""},
		{"ProxyCommand nc %h %p\n", "10.0.0.1", ""},
		{"IAPRegion r\nIAPNetwork n\n", "10.0.0.1", `no project known for "10.0.0.1"`},
		{"IAPRegion r\nIAPNetwork n\nIAPProject p\n", "10.0.0.1", ""},
		{"IAPRegion r\nIAPProject p\nIAPZone z\n", "10.0.0.1", `no network known for "10.0.0.1"`},
		{"IAPNetwork n\nIAPProject p\n", "vm.us-east1-b.proj", `no region known for "vm.us-east1-b.proj"`},
		{"IAPProject p\nIAPProjectNumber 42\nIAPZone z\n", "vm", ""},
		{"IAPCloudRun job\nIAPProject p\nIAPProjectNumber 42\n", "j", `no region known for "j"`},
		{"IAPCloudRun job\nIAPProject p\nIAPRegion r\n", "j", ""}, // looked up
		{"IAPCloudRun job\nIAPProject p\nIAPRegion r\nIAPProjectNumber 42\n", "j", ""},
		{"IAPRegion r\nIAPNetwork n\nIAPProject p q\n", "10.0.0.1", `no project known for "10.0.0.1"`},
		{"IAPProject a b\n", "vm", ""}, // looked up, as are the next two
		{"", "vm", ""},                 // directly: no project is known
		{"", "--project=p vm", ""},
		{"", "--zone=z vm", `no project known for "vm"`},
		{"", "vm.c.proj.internal", ""},
		{"", "-o IAP=yes some-instance", `no project known for "some-instance"`},
		{"", "--listen-on-stdin vm 22", `no project known for "vm"`},
		{"", "--listen-on-stdin vm 22 --project=p", ""},
		{"", "--listen-on-stdin vm 22 --project=p --region=r", `no network known for "vm"`},
		{"", "--listen-on-stdin vm 22 --project=p --region=r --network=n", ""},
		{"", "--listen-on-stdin vm 22 --project=p --cloud-run=service --region=r", ""},
	} {
		p, err := withConfig(test.config).resolve(t, test.argv)
		if err != nil {
			t.Errorf("%s with %q: %v", test.argv, test.config, err)
			continue
		}
		if err := p.Lacks(); fmt.Sprint(err) != test.want && !(err == nil && test.want == "") {
			t.Errorf("%s with %q: %v, want %s", test.argv, test.config, err, test.want)
		}
	}
}

func manyLines(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
