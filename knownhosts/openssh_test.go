package knownhosts_test

import (
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// roleEnv makes the test binary play a program that stock ssh calls, or a
// second process of ours.
const roleEnv = "KNOWNHOSTS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "askpass":
		os.Exit(askpass(os.Args[1]))
	case "learn":
		os.Exit(learn(os.Args[1], os.Args[2]))
	}
	os.Exit(m.Run())
}

// askpass is where ssh takes its questions: it keeps the question.
func askpass(question string) int {
	f, err := os.OpenFile(os.Getenv("KNOWNHOSTS_TEST_ASKED"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	fmt.Fprintf(f, "%s\x00", question)
	f.Close()
	fmt.Println(os.Getenv("KNOWNHOSTS_TEST_ANSWER"))
	return 0
}

func openssh(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is needed, to compare with it: install OpenSSH's client (openssh-client). %v", program, err)
	}
	return path
}

// prepare makes OpenSSH's server ready, with these host keys, certificates and
// further settings. It lets in the test key "ed25519b".
func prepare(t *testing.T, hostKeys []string, certificates []*ssh.Certificate, settings ...string) *sshtest.Inetd {
	t.Helper()
	server := sshtest.OpenSSH{
		Dir: t.TempDir(), HostCertificates: certificates,
		AuthorizedKeys: []ssh.PublicKey{key(t, "ed25519b")}, Settings: settings,
	}
	for _, name := range hostKeys {
		server.HostKeys = append(server.HostKeys, privateKey(t, name))
	}
	sshd, err := server.Prepare()
	if err != nil {
		t.Fatalf("to compare with ssh, install openssh-server: %v", err)
	}
	t.Cleanup(sshd.Close)
	return sshd
}

// through makes an option by which ssh reaches a server under any name and port.
func through(sshd *sshtest.Inetd) string {
	return "ProxyCommand=" + strings.Join(sshd.Args, " ") + " 2>/dev/null"
}

// A sshRun is what stock ssh did.
type sshRun struct {
	accepted  bool
	stderr    string
	questions []string
}

// runSSH lets stock ssh connect to host and port, with the known_hosts file
// dir/kh, and answers its questions.
func runSSH(t *testing.T, dir, host string, port int, answer string, options ...string) sshRun {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	asked := filepath.Join(dir, "asked")
	os.Remove(asked)
	args := []string{"-F", "none", "-T", "-p", strconv.Itoa(port),
		"-o", "UserKnownHostsFile=kh", "-o", "GlobalKnownHostsFile=none", "-o", "UpdateHostKeys=no",
		"-o", "IdentityFile=" + loginKey(t, dir), "-o", "IdentityAgent=none",
		"-o", "PasswordAuthentication=no", "-o", "KbdInteractiveAuthentication=no", "-o", "KexAlgorithms=curve25519-sha256"}
	for _, o := range options { // the first value of an option counts
		args = slices.Insert(args, 2, "-o", o)
	}
	cmd := exec.Command(openssh(t, "ssh"), append(args, host, "true")...)
	// A race detector's second at each exit of ours would make minutes.
	cmd.Env = []string{"GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "SHELL=/bin/sh", "HOME=" + dir, roleEnv + "=askpass",
		"SSH_ASKPASS=" + self, "SSH_ASKPASS_REQUIRE=force", "KNOWNHOSTS_TEST_ASKED=" + asked, "KNOWNHOSTS_TEST_ANSWER=" + answer}
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	run := sshRun{accepted: err == nil, stderr: strings.ReplaceAll(stderr.String(), "\r", "")}
	if text, err := os.ReadFile(asked); err == nil {
		run.questions = strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	}
	return run
}

// loginKey returns the file of the key that servers let in.
func loginKey(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "login")
	block, err := ssh.MarshalPrivateKey(privateKey(t, "ed25519b"), "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(block)))
	return path
}

// cases is how many generated files the comparisons take; "go test -cases 1000"
// takes more time.
var cases = flag.Int("cases", 40, "number of generated known_hosts files to compare on")

// A generator makes known_hosts files out of few names and keys, so that they
// often meet.
type generator struct {
	*rand.Rand
	t *testing.T
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) file() string {
	var b strings.Builder
	for range g.IntN(7) {
		b.WriteString(g.line())
		b.WriteString(pick(g, "\n", "\n", "\n", "\r\n"))
	}
	return strings.TrimSuffix(b.String(), pick(g, "\n", ""))
}

func (g generator) line() string {
	if g.IntN(8) == 0 {
		return pick(g, "", "# comment", "   ", " # web", "web ", "web ssh-ed25519 ", "web ssh-ed25519 !!!!",
			"@revokd web {ed25519}", "@revoked @revoked web {ed25519}", "web 1024 35 1234567", "web ssh-future AAAA",
			"web ssh-rsa "+strings.Fields(keyLine(g.t, "ed25519"))[1], "web "+keyLine(g.t, "ed25519")[:50],
			"|1|AAAA|AAAA {ed25519}", "|2|x|y {ed25519}", "|1| {ed25519}")
	}
	space := pick(g, " ", " ", "  ", " \t")
	marker := pick(g, "", "", "", "", "@cert-authority", "@revoked")
	if marker != "" {
		marker += space
	}
	hosts := knownhosts.HashName(pick(g, "web", "[web]:2222", "compute.17", "10.1.2.3"))
	if g.IntN(5) > 0 {
		var list []string
		for range 1 + g.IntN(3) {
			list = append(list, pick(g, "", "", "", "", "!")+pick(g, "web", "WEB", "db", "*", "w*b", "w?b", "???", "[web]:2222", "[*]:2222",
				"[10.1.2.3]:*", "10.1.2.3", "10.*", "compute.17", "compute.*", "2001:db8::1", "[2001:db8::1]:2222", "*.*", "w**", ""))
		}
		hosts = strings.Join(list, ",")
	}
	if hosts == "" {
		hosts = "db"
	}
	name := pick(g, "ed25519", "ed25519", "ed25519b", "ecdsa256", "ecdsa384", "rsa", "ca", "ca2")
	if strings.HasPrefix(marker, "@cert-authority") {
		name = pick(g, name, "ca", "ca", "ca", "ca2")
	}
	return pick(g, "", "", " ") + marker + hosts + space + "{" + name + "}" + pick(g, "", " me@here", " a comment # b", " ")
}

var storedNames = []string{"web", "WEB", "db", "[web]:2222", "10.1.2.3", "[10.1.2.3]:2222", "compute.17", "2001:db8::1", "[2001:db8::1]:2222"}

// The lines we find for a name are those that ssh-keygen finds.
func TestLookupAsSSHKeygen(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 1)), t}
	keygen, path := openssh(t, "ssh-keygen"), filepath.Join(t.TempDir(), "kh")
	for range *cases {
		text := fill(t, g.file())
		write(t, path, text)
		s, err := knownhosts.Read([]string{path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		name := pick(g, storedNames...)
		var got []string
		entries, _ := s.Lookup(name)
		for _, e := range entries {
			marker := map[knownhosts.Marker]string{knownhosts.CertAuthority: "CA", knownhosts.RevokedKey: "REVOKED"}[e.Marker]
			got = append(got, fmt.Sprintf("# Host %s found: line %d %s", name, e.Number, marker))
		}
		out, _ := exec.Command(keygen, "-l", "-F", strings.ToLower(name), "-f", path).Output() // exits with 1 if it finds none
		var want []string
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "# Host ") {
				want = append(want, strings.Replace(strings.TrimSuffix(line, "\n"), strings.ToLower(name), name, 1))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s in\n%s\ngot  %q\nwant %q", name, text, got, want)
		}
	}
}

// What we append, ssh-keygen finds, shows and removes, hashed or not; what it
// hashes, we find.
func TestAppendAsSSHKeygen(t *testing.T) {
	keygen := openssh(t, "ssh-keygen")
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(keygen, args...).Output()
		if err != nil {
			t.Fatalf("ssh-keygen %q: %v", args, err)
		}
		return string(out)
	}
	for _, hash := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "kh")
		for i, name := range []string{"rsa", "ecdsa384", "ed25519"} {
			names := []string{"Web.example", fmt.Sprintf("[10.0.0.1]:%d", 2000+i)}
			if err := knownhosts.Append(path, names, key(t, name), hash); err != nil {
				t.Fatal(err)
			}
			if got, want := run("-l", "-F", names[1], "-f", path), knownhosts.TypeName(key(t, name))+" "+ssh.FingerprintSHA256(key(t, name)); !strings.Contains(got, want) {
				t.Errorf("ssh-keygen -F says %q, want %q in it", got, want)
			}
		}
		if got := strings.Count(run("-F", "web.example", "-f", path), "# Host"); got != 3 {
			t.Errorf("ssh-keygen -F finds %d keys, want 3", got)
		}
		run("-R", "web.example", "-f", path)
		s, err := knownhosts.Read([]string{path, path + ".old"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if entries, _ := s.Lookup("web.example"); len(entries) != 3 || entries[0].File != path+".old" {
			t.Errorf("after ssh-keygen -R: %v", entries)
		}
		run("-H", "-f", path+".old")
		s, err = knownhosts.Read([]string{path + ".old"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"WEB.example", "[10.0.0.1]:2001"} {
			entries, _ := s.Lookup(name)
			if len(entries) == 0 || !strings.HasPrefix(entries[0].Hosts, "|1|") {
				t.Errorf("after ssh-keygen -H: %s is at %v", name, entries)
			}
		}
	}
}

// The default list is ssh's own.
func TestDefaultAlgorithmsAsSSH(t *testing.T) {
	out, err := exec.Command(openssh(t, "ssh"), "-F", "none", "-G", "host").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []struct {
		keyword string
		names   []string
	}{
		{"hostkeyalgorithms", knownhosts.DefaultAlgorithms()},
		{"casignaturealgorithms", knownhosts.DefaultCASignatures()},
	} {
		if want := list.keyword + " " + strings.Join(list.names, ",") + "\n"; !strings.Contains(string(out), want) {
			t.Errorf("ssh -G does not say\n%s", want)
		}
	}
}

// A server offers these keys in the comparison with ssh.
type server struct {
	sshd *sshtest.Inetd
	keys map[string]ssh.PublicKey // by algorithm
}

func servers(t *testing.T) []server {
	names := []string{"web", "10.1.2.3", "compute.17", "2001:db8::1"}
	good := certificate(t, "ed25519", "ca", nil, names...)
	expired := certificate(t, "ed25519", "ca", func(c *ssh.Certificate) { c.ValidBefore = c.ValidAfter + 1 }, names...)
	foreign := certificate(t, "ed25519", "ca", nil, "elsewhere")
	critical := certificate(t, "ed25519", "ca", func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"x": "y"} }, names...)
	user := certificate(t, "ed25519", "ca", func(c *ssh.Certificate) { c.CertType = ssh.UserCert }, names...)
	var all []server
	for _, offer := range []struct {
		plain []string // the keys that it shows without a certificate
		cert  *ssh.Certificate
	}{
		{plain: []string{"ed25519"}},
		{plain: []string{"rsa"}},
		{plain: []string{"ed25519", "ecdsa256", "rsa"}},
		{plain: []string{"ecdsa384", "rsa"}},
		{plain: []string{"ed25519"}, cert: good},
		{plain: []string{"ecdsa256"}, cert: good},
		{plain: []string{"rsa"}, cert: good},
		{cert: good}, {cert: expired}, {cert: foreign}, {cert: critical}, {cert: user},
	} {
		s := server{keys: map[string]ssh.PublicKey{}}
		for _, name := range offer.plain {
			k := key(t, name)
			s.keys[k.Type()] = k
			if k.Type() == ssh.KeyAlgoRSA {
				delete(s.keys, ssh.KeyAlgoRSA)
				s.keys[ssh.KeyAlgoRSASHA256], s.keys[ssh.KeyAlgoRSASHA512] = k, k
			}
		}
		held, certs := offer.plain, []*ssh.Certificate(nil)
		if offer.cert != nil {
			s.keys[offer.cert.Type()] = offer.cert
			certs = []*ssh.Certificate{offer.cert}
			if !slices.Contains(held, "ed25519") {
				held = append(slices.Clone(held), "ed25519") // to sign with
			}
		}
		s.sshd = prepare(t, held, certs, "HostKeyAlgorithms "+strings.Join(slices.Sorted(maps.Keys(s.keys)), ","))
		all = append(all, s)
	}
	return all
}

// Stock ssh asks for the same key, comes to the same decision, says the same
// and asks the same.
func TestDecideAsSSH(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(2, 3)), t}
	dir, all := t.TempDir(), servers(t)
	seen := map[string]int{}
	for range *cases {
		text := fill(t, g.file())
		if g.IntN(6) == 0 {
			text = ""
		}
		c := comparison{
			text:    text,
			told:    pick(g, "", "", "", fill(t, g.file())),
			revoked: pick(g, "", "", "", "", "", fill(t, pick(g, "# none\n", "{ed25519}\n", "{rsa} old\n\n{ca}", "odd\n"))),
			target:  knownhosts.Target{Host: pick(g, "web", "web", "Web", "10.1.2.3", "2001:db8::1"), Port: pick(g, 22, 22, 2222), Alias: pick(g, "", "", "", "compute.17")},
			server:  pick(g, all...),
			policy:  pick(g, "ask", "ask", "yes", "accept-new", "no"),
			answer:  pick(g, "yes", "no", "fingerprint"),
			visual:  g.IntN(5) == 0,
			hash:    pick(g, "sha256", "sha256", "sha256", "md5"),
		}
		c.run(t, dir, seen)
	}
	for _, status := range []knownhosts.Status{knownhosts.Unknown, knownhosts.Trusted, knownhosts.TrustedByCA, knownhosts.Changed, knownhosts.Revoked} {
		if seen[fmt.Sprint(status)] == 0 {
			t.Errorf("status %v was never met", status)
		}
	}
}

// A comparison is one case in which ssh and we have to agree.
type comparison struct {
	text, told, revoked string // known_hosts, KnownHostsCommand's output, RevokedHostKeys; empty: none of the latter two
	target              knownhosts.Target
	server              server
	policy, answer      string
	visual              bool
	hash                string
}

func (c comparison) run(t *testing.T, dir string, seen map[string]int) {
	t.Helper()
	write(t, filepath.Join(dir, "kh"), c.text)
	options := []string{through(c.server.sshd), "StrictHostKeyChecking=" + c.policy, "FingerprintHash=" + c.hash}
	if c.target.Alias != "" {
		options = append(options, "HostKeyAlias="+c.target.Alias)
	}
	if c.visual {
		options = append(options, "VisualHostKey=yes")
	}
	query := knownhosts.Query{Target: c.target, Now: now, Show: knownhosts.Display{Visual: c.visual}}
	var told []knownhosts.File
	if c.told != "" {
		path := filepath.Join(dir, "told")
		write(t, path, c.told)
		options = append(options, "KnownHostsCommand=/bin/cat "+path)
		told = []knownhosts.File{{Path: "KnownHostsCommand-HOSTNAME", Text: c.told}}
	}
	if c.revoked != "" {
		write(t, filepath.Join(dir, "revoked"), c.revoked)
		options = append(options, "RevokedHostKeys=revoked")
	}
	policy, err := knownhosts.ParsePolicy(c.policy)
	if err != nil {
		t.Fatal(err)
	}
	if query.Show.Hash, err = knownhosts.ParseFingerprintHash(c.hash); err != nil {
		t.Fatal(err)
	}

	s := &knownhosts.Store{Files: []knownhosts.File{{Path: "kh", Text: c.text}}}
	for _, algorithm := range s.Algorithms(c.target, nil, told...) {
		if query.Key = c.server.keys[algorithm]; query.Key != nil {
			break
		}
	}
	query.Told = told
	v := s.Decide(query)
	if v.Status == knownhosts.Revoked && !v.By.Matches(v.Name()) {
		return // revoked for the plain name only: the documented difference
	}
	answer := c.answer
	if answer == "fingerprint" {
		answer = query.Show.Hash.Fingerprint(v.Key)
	}
	var want sshRun
	if err := revoked(filepath.Join(dir, "revoked"), c.revoked, query.Key); err != nil {
		want.stderr = refusedByList(query, err)
	} else {
		seen[fmt.Sprint(v.Status)]++
		want = expect(v, policy, answer)
	}
	got := asDebian(runSSH(t, dir, c.target.Host, c.target.Port, answer, options...), &want)
	if got.accepted != want.accepted || got.stderr != want.stderr || !slices.Equal(got.questions, want.questions) {
		t.Errorf("%+v policy %s, offered %s, verdict %v, told\n%s\nrevoked\n%s\nin\n%s\nssh %+v\n\nwe  %+v",
			c.target, c.policy, query.Key.Type(), v.Status, c.told, c.revoked, c.text, got, want)
	}
}

func revoked(path, text string, key ssh.PublicKey) error {
	if text == "" {
		return nil
	}
	return knownhosts.CheckRevoked(path, key)
}

// refusedByList is what ssh says of a key that a list of RevokedHostKeys has, or
// that it cannot look up there.
func refusedByList(q knownhosts.Query, err error) string {
	what := fmt.Sprintf("%s %s", knownhosts.TypeName(q.Key), q.Show.Hash.Fingerprint(q.Key))
	text := fmt.Sprintf("Error checking host key %s in revoked keys file revoked: invalid format\n", what)
	if errors.Is(err, knownhosts.ErrRevoked) {
		text = fmt.Sprintf("Host key %s revoked by file revoked\n", what)
	}
	return text + knownhosts.VerificationFailed + "\n"
}

// What is taken from a degraded connection is named as ssh names it.
func TestDegradedAsSSH(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "kh"), fill(t, "web {rsa}\n"))
	run := runSSH(t, dir, "web", 22, "no", through(prepare(t, []string{"ed25519"}, nil)), "StrictHostKeyChecking=no", "PasswordAuthentication=yes",
		"KbdInteractiveAuthentication=yes", "ForwardAgent=yes", "ForwardX11=yes", "LocalForward=7777 a:1", "Tunnel=yes", "UpdateHostKeys=yes")
	want := strings.Join([]string{knownhosts.NoPassword, knownhosts.NoKeyboardInteractive, knownhosts.NoAgentForwarding, knownhosts.NoX11Forwarding,
		knownhosts.NoPortForwarding, knownhosts.NoTunnelForwarding, knownhosts.NoUpdateHostKeys}, "\n") + "\n"
	if !run.accepted || !strings.HasSuffix(run.stderr, want) {
		t.Errorf("ssh says\n%s\nwant at the end\n%s", run.stderr, want)
	}
}

// asDebian levels what differs between builds of ssh: only Debian's says how to
// remove a key, also one that stands in no file, and the question is worded differently since 10.1.
func asDebian(got sshRun, want *sshRun) sshRun {
	got.stderr = regexp.MustCompile(`(?m)^  remove with:\n  ssh-keygen -f "KnownHostsCommand-.*\n`).ReplaceAllString(got.stderr, "")
	if !strings.Contains(got.stderr, "  remove with:\n") {
		want.stderr = regexp.MustCompile(`(?m)^  remove with:\n.*\n`).ReplaceAllString(want.stderr, "")
	}
	for i, q := range got.questions {
		got.questions[i] = regexp.MustCompile(`fingerprint is: (\S+)`).ReplaceAllString(q, "fingerprint is $1.")
	}
	return got
}

// expect is what we do and say, put as what ssh does.
func expect(v knownhosts.Verdict, policy knownhosts.Policy, answer string) sshRun {
	run := sshRun{accepted: true}
	say := func(text string) {
		if text != "" {
			run.stderr += text + "\n"
		}
	}
	take := func(action knownhosts.Action, q func() knownhosts.Question) knownhosts.Action {
		if action == knownhosts.AskUser {
			action = knownhosts.Refuse
			run.questions = append(run.questions, q().Text)
			if q().Answer(answer) == knownhosts.Yes {
				action = knownhosts.AcceptAndAdd
			}
		}
		run.accepted = run.accepted && action != knownhosts.Refuse
		return action
	}
	say(v.Warning(policy, "kh"))
	switch take(v.Action(policy, false), v.Question) {
	case knownhosts.AcceptAndAdd:
		say(v.Added())
	case knownhosts.Accept:
		say(v.Shown())
	}
	if run.accepted {
		say(v.AddressNotice(policy))
		if take(v.AddressAction(policy, false), v.AddressQuestion) == knownhosts.AcceptAndAdd && v.AtAddress.Status == knownhosts.Unknown {
			say(v.AddressAdded())
		}
	}
	if !run.accepted {
		say(knownhosts.VerificationFailed)
	}
	return run
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
