package config

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A difference says why a keyword of ssh -G is not printed equally. There may be no
// more than twelve.
type difference struct {
	why     string
	applies func(c comparison) bool
}

// A comparison is one keyword of one configuration.
type comparison struct {
	text, keyword string // of the configuration
	ours, theirs  []string
}

func (c comparison) is(keywords ...string) bool { return slices.Contains(keywords, c.keyword) }

// says tells that the configuration or command line mentions a keyword.
func (c comparison) says(keyword string) bool { return strings.Contains(lower(c.text), keyword) }

var reasons = []difference{
	{"iapssh lists the algorithms that it has; in this test ssh is asked in its place, see oracle", func(comparison) bool {
		return false
	}},
	{"OpenSSH 10 has no id_dsa and no id_xmss among the default keys", func(c comparison) bool {
		kept := slices.DeleteFunc(slices.Clone(c.theirs), func(f string) bool {
			return f == "~/.ssh/id_xmss" || f == "~/.ssh/id_dsa"
		})
		return c.is("identityfile") && slices.Equal(kept, c.ours)
	}},
	{"Debian's ServerAliveInterval under BatchMode", func(c comparison) bool {
		return c.is("serveraliveinterval") && c.says("batchmode") && slices.Equal(c.theirs, []string{"300"})
	}},
	{"Debian's default of ForwardX11Trusted", func(c comparison) bool {
		return c.is("forwardx11trusted") && !c.says("forwardx11trusted") && slices.Equal(c.theirs, []string{"yes"})
	}},
	{"GSSAPI key exchange is Debian's, and its algorithms are none of ours", func(c comparison) bool {
		return c.is("gssapikexalgorithms")
	}},
	{"the default IPQoS differs between releases, and Debian's from OpenSSH's", func(c comparison) bool {
		return c.is("ipqos") && slices.Equal(c.ours, []string{"af21 cs1"}) && slices.Equal(c.theirs, []string{"lowdelay throughput"})
	}},
	{"OpenSSH before 9.3 takes one RevokedHostKeys, as it is written", func(c comparison) bool {
		return c.is("revokedhostkeys")
	}},
	{"OpenSSH 10 expands tokens in User and SetEnv", func(c comparison) bool {
		return c.is("user", "setenv") && strings.ContainsAny(strings.Join(c.theirs, ""), "%$")
	}},
	{"ssh prints a LocalForward to a socket as a DynamicForward too", func(c comparison) bool {
		return c.is("dynamicforward") && c.says("/s")
	}},
	{"OpenSSH since 9.7 has the jump host in %C", func(c comparison) bool {
		return c.says("%c") && (c.says("proxyjump") || c.says("-j"))
	}},
	{"OpenSSH 10 lets ProxyCommand stand after ProxyJump none", func(c comparison) bool {
		return c.is("proxycommand") && c.says("proxyjump none")
	}},
	{"ssh obeys StreamLocalBindMask and SyslogFacility of blocks that do not match", func(c comparison) bool {
		return c.is("streamlocalbindmask", "syslogfacility") && (c.says("host") || c.says("match") || strings.Count(lower(c.text), c.keyword) > 1)
	}},
}

// newer are the keywords that the installed ssh may be too old to print, and ours.
func newer(keyword string) bool {
	return strings.HasPrefix(keyword, "iap") || slices.Contains([]string{
		"tag", "channeltimeout", "obscurekeystroketiming", "versionaddendum", "warnweakcrypto", "revokedhostkeys"}, keyword)
}

// full says that everything is compared, and not a sample.
func full() bool { return os.Getenv("IAPSSH_FULL") != "" }

func TestReasons(t *testing.T) {
	if len(reasons) > 12 {
		t.Errorf("%d reasons for differing from ssh -G, more than 12", len(reasons))
	}
	if n := len(differentialConfigs) + len(differentialErrors) + generatedConfigs; n < 300 {
		t.Errorf("%d configurations, fewer than 300", n)
	}
	if n := len(differentialArgs); n < 100 {
		t.Errorf("%d command lines, fewer than 100", n)
	}
}

const (
	generatedConfigs = 300
	generatedSeed    = 5
)

// TestDifferential compares with the installed OpenSSH what -G prints of every
// configuration for every host; by default for one host each, and a sample of
// the generated ones.
func TestDifferential(t *testing.T) {
	d := newDifferential(t)
	generated := generatedConfigs
	hosts := func(i int) []string { return differentialHosts[i%len(differentialHosts):][:1] }
	if full() {
		hosts = func(int) []string { return differentialHosts }
	} else {
		generated = 40
	}
	for i, text := range differentialConfigs {
		for _, host := range hosts(i) {
			d.compare(text, host)
		}
	}
	for _, text := range differentialErrors {
		d.compare(text, "a")
	}
	for i := range generated {
		text := generate(rand.New(rand.NewPCG(generatedSeed, uint64(i))))
		for _, host := range hosts(i) {
			d.compare(text, host)
		}
	}
	t.Logf("%d comparisons", d.compared)
}

// TestDifferentialGrammar compares command lines the same way.
func TestDifferentialGrammar(t *testing.T) {
	d := newDifferential(t)
	for _, args := range differentialArgs {
		d.compare("Port 7\nUser conf\n", args...)
	}
	t.Logf("%d comparisons", d.compared)
}

type differential struct {
	t        *testing.T
	ssh      string
	dir      string
	effects  Effects
	compared int
}

func newDifferential(t *testing.T) *differential {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("no OpenSSH to compare with")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	d := &differential{t: t, ssh: ssh, dir: t.TempDir(), effects: System()}
	t.Setenv("IAPSSH_TEST_DIR", d.dir)
	t.Setenv("HOME", me.HomeDir) // ssh asks passwd
	t.Setenv("CLOUDSDK_CONFIG", filepath.Join(d.dir, "gcloud"))
	t.Setenv("CLOUDSDK_ACTIVE_CONFIG_NAME", "")
	d.effects.Algorithms = oracle(ssh)
	if err := os.Mkdir(filepath.Join(d.dir, "inc"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"one.conf": "Port 31\n", "two.conf": "Port 32\nHost b\n User two\n", "host.conf": "Host a\n User inc\n",
		"with space": "Port 33\n", ".hidden.conf": "Port 35\n",
		"bad.inc": "Port 36\nFoo 1\n", "loop.inc": "Include inc/loop.inc\n",
		"deep1": "User d1\nInclude inc/deep2\nPort 38\n", "deep2": "Host a\n Port 37\nHost *\n User d2\n LogLevel error\n",
		"scope": "Host nomatch\n Port 39\nMatch all\n User scope\n",
	} {
		d.write(filepath.Join("inc", name), text)
	}
	return d
}

// oracle asks the installed ssh what a list of algorithms means: whether we hand
// on what it says is under test here, and not which algorithms we have.
func oracle(ssh string) func(keyword, value string) ([]string, error) {
	known := map[string][]string{}
	return func(keyword, value string) ([]string, error) {
		option := keyword + "=" + value
		if known[option] == nil {
			args := []string{"-F", "none", "-G", "-o", option, "h"}
			if value == "" {
				args = slices.Delete(args, 3, 5)
			}
			out, err := exec.Command(ssh, args...).Output()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", option, err)
			}
			known[option] = strings.Split(parseDump(string(out)).values[keyword][0], ",")
		}
		return known[option], nil
	}
}

// write writes a file of a configuration. A relative Include would mean ~/.ssh.
func (d *differential) write(name, text string) string {
	d.t.Helper()
	text = strings.NewReplacer(" inc/", " "+d.dir+"/inc/", "\"inc/", "\""+d.dir+"/inc/", "'inc/", "'"+d.dir+"/inc/").Replace(text)
	file := filepath.Join(d.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return file
}

func (d *differential) compare(text string, args ...string) {
	d.t.Helper()
	d.compared++
	file := d.write("config", text)
	cmd := exec.Command(d.ssh, append([]string{"-F", file, "-G"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	theirErr := cmd.Run()
	plan, err := Resolve(d.t.Context(), "iapssh", append([]string{"-F", file, "-G"}, args...), d.effects)
	what := fmt.Sprintf("%q with\n%s", args, text)
	switch {
	case theirErr == nil && err == nil && plan.Mode == ModeConfig:
		d.compareDumps(what, parseDump(plan.Output), parseDump(stdout.String()))
	case theirErr == nil && err == nil:
		// A question that has been answered: -V, -Q.
		if (plan.Mode == ModeSSHVersion) != strings.HasPrefix(stderr.String(), "OpenSSH_") {
			d.t.Errorf("%s\nours: %s; ssh: %s", what, plan.Mode, stderr.String())
		}
	case theirErr != nil && err != nil:
		if status := cmd.ProcessState.ExitCode(); status != 255 {
			d.t.Errorf("%s\nssh exits %d, we 255", what, status)
		}
		if !slices.Contains(args, "-E") {
			d.compareErrors(what, err, stderr.String())
		}
	default:
		d.t.Errorf("%s\nours: %v\nssh: %v %s", what, err, theirErr, stderr.String())
	}
}

func (d *differential) compareDumps(what string, ours, theirs dump) {
	d.t.Helper()
	for keyword, want := range theirs.values {
		c := comparison{what, keyword, ours.values[keyword], want}
		if !slices.Equal(c.ours, c.theirs) && !slices.ContainsFunc(reasons, func(r difference) bool { return r.applies(c) }) {
			d.t.Errorf("%s\n%s: ours %q, ssh %q", what, keyword, c.ours, c.theirs)
		}
	}
	for keyword, value := range ours.values {
		c := comparison{what, keyword, value, nil}
		if theirs.values[keyword] == nil && !newer(keyword) && !slices.ContainsFunc(reasons, func(r difference) bool { return r.applies(c) }) {
			d.t.Errorf("%s\n%s: ours %q, ssh prints none", what, keyword, value)
		}
	}
	order := func(a, b dump) []string {
		return slices.DeleteFunc(slices.Clone(a.order), func(k string) bool { return b.values[k] == nil || k == "revokedhostkeys" })
	}
	if a, b := order(ours, theirs), order(theirs, ours); !slices.Equal(a, b) {
		d.t.Errorf("%s\nin another order:\nours %q\nssh  %q", what, a, b)
	}
}

// compareErrors compares what is said: every line of ours must be one of ssh's.
// Their own kinds of extra words are left out.
func (d *differential) compareErrors(what string, err error, theirs string) {
	d.t.Helper()
	var usage *UsageError
	if errors.As(err, &usage) && usage.Text == "" {
		if !strings.Contains(theirs, "usage: ssh") {
			d.t.Errorf("%s\nours: usage; ssh: %s", what, theirs)
		}
		return
	}
	theirs = strings.ReplaceAll(theirs, "\r", "")
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimRight(line, "\n")
		if usage != nil && strings.HasPrefix(line, "unknown option -- -") {
			line = "unknown option -- -" // ssh names one letter
		}
		if before, detail, found := strings.Cut(line, "Bad Match condition: "); found {
			line = before + "Bad Match condition"
			_ = detail // ssh says it on a line of its own, in words that differ by version
		}
		if reworded(line) || strings.Contains(line, "terminating,") && !strings.Contains(theirs, "terminating,") {
			continue
		}
		if !strings.Contains(theirs, line) {
			d.t.Errorf("%s\nours: %s\nssh: %s", what, line, theirs)
		}
	}
}

// reworded are complaints that ssh makes without file and line, or in the name
// of a C function; ours says where.
func reworded(line string) bool {
	for _, ours := range []string{
		"unknown key %", "has no value", "empty argument", "Match directive not supported",
	} {
		if strings.Contains(line, ours) {
			return true
		}
	}
	return false
}

// A dump is what ssh -G prints. A keyword may come on several lines.
type dump struct {
	values map[string][]string
	order  []string // each keyword once
}

func parseDump(text string) dump {
	d := dump{values: map[string][]string{}}
	for line := range strings.Lines(text) {
		keyword, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if d.values[keyword] == nil {
			d.order = append(d.order, keyword)
		}
		d.values[keyword] = append(d.values[keyword], value)
	}
	return d
}
