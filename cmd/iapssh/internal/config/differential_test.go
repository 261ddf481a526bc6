package config

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What ssh -G prints is the specification; these are the configurations that it
// is asked about. Each is read for every host in differentialHosts.
var differentialConfigs = []string{
	"",
	"Port 2222\nUser bob\n",
	"Host a\n Port 1\nHost b\n Port 2\nHost *\n Port 3\n User star\n",
	"Host a b\n Port 1\nHost !b *\n Port 2\n",
	"Host !a\n Port 1\n",
	"Host * !a\n User x\nHost a\n User y\n",
	"Host web?\n Port 5\nHost web*\n Port 6\n",
	"Host \"a\" 'b'\n Port 4\n",
	"Host \"a b\"\n Port 4\n",
	"Host a\tb\n\tPort\t4\n",
	"Host=a\nPort=7\n",
	"Host = a\nPort = 7\nUser= bob\n",
	"hOsT a\n pOrT 8\n",
	"Host A\n Port 9\n",
	"Host a # comment\n Port 10 # more\n#Port 11\n   # Port 12\n",
	"Host #a\n Port 13\n",
	"Host a\r\n Port 14\r\n User bob\r\n",
	"Port 15",
	"Port 0022\n",
	"User \"bob\"\n",
	"User 'b ob'\n",
	"User b\\ ob\n",
	"User b\\\"ob\n",
	"User a\\b\n",
	"User \"a\\\\b\"\n",
	"User bo\"b\"s\n",
	"HostName real.example.com\n",
	"HostName %h.example.com\n",
	"HostName %h-%%x\nHost a.example.com\n Port 1\n",
	"HostName REAL.Example.Com\n",
	"HostName 10.0.0.1\n",
	"HostName ::0001\n",
	"HostName one\nHostName two\n",
	"HostKeyAlias Some-Alias\n",
	"IdentityFile /k/one\nIdentityFile /k/two\nIdentityFile /k/one\n",
	"Host a\n IdentityFile /k/a\nHost *\n IdentityFile /k/star\n",
	"IdentityFile none\n",
	"IdentityFile \"/k/with space\"\n",
	"CertificateFile /c/one\nCertificateFile /c/two\n",
	"IdentitiesOnly yes\nIdentityAgent /run/agent\n",
	"UserKnownHostsFile /a /b\n",
	"UserKnownHostsFile \"/a b\" /c\nUserKnownHostsFile /d\n",
	"UserKnownHostsFile none\nGlobalKnownHostsFile none\n",
	"UserKnownHostsFile ~/kh /k/%h/%p/%r/%n/%u/%d/%i/%L/%l/%%\n",
	"UserKnownHostsFile /k/%C\nPort 77\nUser u\n",
	"UserKnownHostsFile /k/%k\nHostKeyAlias al\n",
	"UserKnownHostsFile /k/%k\nHostName other\n",
	"UserKnownHostsFile ${IAPSSH_TEST_DIR}/kh\n",
	"UserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n",
	"UserKnownHostsFile ~/.ssh/known_hosts\n",
	"GlobalKnownHostsFile /g1 /g2\n",
	"StrictHostKeyChecking accept-new\n",
	"StrictHostKeyChecking OFF\n",
	"StrictHostKeyChecking Yes\n",
	"UpdateHostKeys ask\n",
	"UpdateHostKeys no\n",
	"VerifyHostKeyDNS yes\n",
	"HashKnownHosts yes\nBatchMode yes\nCheckHostIP yes\n",
	"ConnectTimeout 90\n",
	"ConnectTimeout 1h30m\n",
	"ConnectTimeout 1H1\n",
	"ConnectTimeout none\nConnectTimeout 4\n",
	"ConnectTimeout 2w3d4h5m6s\n",
	"ServerAliveInterval 1m\nServerAliveCountMax 7\nTCPKeepAlive no\n",
	"ServerAliveCountMax 0\nConnectionAttempts 5\n",
	"RequestTTY force\nRemoteCommand echo \"a b\" # not a comment\n",
	"RemoteCommand = x=y\n",
	"RemoteCommand echo %h %p %r %n\nUser u\n",
	"RemoteCommand none\n",
	"RequestTTY true\nSessionType none\n",
	"SessionType subsystem\nStdinNull yes\n",
	"EscapeChar none\n",
	"EscapeChar ^B\n",
	"EscapeChar x\n",
	"SendEnv A B_*\nSendEnv C\n",
	"SendEnv A AB B\nSendEnv -A*\nSendEnv C\n",
	"Host a\n SendEnv X\nHost *\n SendEnv Y\n",
	"SetEnv A=b C=d A=e\nSetEnv F=g\n",
	"SetEnv \"A=b c\" \"D=#e\"\n",
	"LogLevel DEBUG1\n",
	"LogLevel verbose\n",
	"PreferredAuthentications publickey,password\nPubkeyAuthentication no\nPasswordAuthentication no\n",
	"KbdInteractiveAuthentication no\nNumberOfPasswordPrompts 1\n",
	"ChallengeResponseAuthentication no\n",
	"DSAAuthentication no\nKeepAlive no\nIdentityFile2 /k/2\n",
	"AddressFamily inet6\n",
	"FingerprintHash md5\nRequiredRSASize 3072\n",
	"Protocol 2\nCipher blowfish\nUseRoaming no\nUsePrivilegedPort yes\n",
	"RhostsRSAAuthentication no\nPort 3\n",
	"IgnoreUnknown Foo,Bar*\nFoo 1\nBarBaz x y z\nPort 3\n",
	"IgnoreUnknown IAP*\nIAPNotAKeyword x\nPort 3\n",
	"Compression yes\nControlMaster auto\nControlPath /tmp/x\nControlPersist 10m\n",
	"ProxyCommand none\nProxyJump none\n",
	"ForwardAgent yes\nForwardX11 no\nVisualHostKey yes\nRekeyLimit 1G 1h\n",
	"GSSAPIAuthentication no\nIPQoS af21 cs1\nLocalCommand x y\nPermitLocalCommand no\n",
	"Match all\n Port 5\n",
	"Match host a\n Port 5\nMatch host a,b\n Port 6\n",
	"Match host *,!a\n Port 5\n",
	"Match !host a\n Port 5\n",
	"Match host A\n Port 5\n",
	"Match host=a\n Port 5\n",
	"Match host \"a,b\" user root\n Port 5\n",
	"HostName r\nMatch host r\n Port 5\nMatch originalhost a\n User o\n",
	"Match originalhost r\n Port 5\nHostName r\n",
	"HostName %h.x\nMatch host a.x\n Port 5\n",
	"User bob\nMatch user bob\n Port 5\n",
	"Match user bob\n Port 5\nUser bob\n",
	"Match !user bob localuser *\n Port 6\n",
	"Match localuser nobody-at-all\n Port 6\n",
	"Match exec \"true\"\n Port 7\n",
	"Match exec \"false\"\n Port 7\n",
	"Match host a exec \"test %h = a\"\n Port 7\n",
	"Match !exec \"test %n = a\" host *\n Port 8\n",
	"Match host a all\n Port 9\n",
	"Match final all\n Port 9\n",
	"Match final host r.final\n Port 9\nHost *\n HostName r.final\n",
	"Match canonical all\n Port 9\n",
	"Match !final\n Port 1\nMatch all\n Port 2\n",
	"Match final\n User late\nHost *\n User early\n",
	"Include inc/*.conf\nPort 99\n",
	"Host a\n Include inc/one.conf\nHost *\n Port 98\n",
	"Host nomatch\n Include inc/one.conf\nHost *\n Port 98\n",
	"Include inc/nothing-there\nPort 97\n",
	"Include inc/two.conf inc/one.conf\n",
	"Include inc/host.conf\nUser after\n",
	"Include \"inc/with space\"\n",
	"CanonicalizeHostname no\nCanonicalDomains a.b c\nCanonicalizeMaxDots 2\n",
	"Match host a # comment\n Port 9\n",
	"KexAlgorithms +diffie-hellman-group14-sha1\nMACs ^hmac-sha2-512\n",
}

// differentialErrors are configurations with something wrong in them.
var differentialErrors = []string{
	"Foo 1\n",
	"Foo\n",
	"Port 1\nFoo 2\n\nBar 3\n",
	"Host nomatch\n Foo 2\n",
	"Port\n", "Port 0\n", "Port 65536\n", "Port -1\n", "Port 1 2\n", "Port \"\"\n",
	"User\n", "User \"\"\n", "User a b\n", "User \"a\n", "User 'a\n",
	"Host\n", "Host \"\"\n", "Match\n", "Include\n", "Include \"\"\n",
	"Match all host a\n", "Match host\n", "Match frob x\n", "Match host \"\"\n", "Match host a user b all\n",
	"Match localnetwork 10.0.0.1/8\n", "Match localnetwork x\n",
	"BatchMode maybe\n", "BatchMode\n", "BatchMode \"\"\n", "StrictHostKeyChecking perhaps\n",
	"ConnectTimeout x\n", "ConnectTimeout 5x\n", "ConnectTimeout 99999999999\n", "ConnectTimeout \"\"\n",
	"ServerAliveCountMax x\n", "ServerAliveCountMax -1\n", "ServerAliveCountMax 99999999999\n",
	"EscapeChar ab\n", "EscapeChar \"\"\n", "LogLevel loud\n", "SendEnv A=b\n", "SetEnv A\n",
	"UserKnownHostsFile none /a\n", "AddressFamily x\n", "SessionType x\n", "RequestTTY x\n",
	"IdentityFile \"\"\n", "IdentityFile a b\n", "HostName a b\n",
	"UserKnownHostsFile /k/%z\n", "UserKnownHostsFile ${IAPSSH_NOT_SET}/kh\n", "HostName %z\n",
	"Include inc/bad.inc\n", "Host nomatch\n Include inc/bad.inc\n", "Include inc/loop.inc\n",
	"IgnoreUnknown Foo\nBar 1\n",
	"\xef\xbb\xbfHost a\n",
	"= 5\n", "Port =\n", "Port == 5\n",
}

var differentialHosts = []string{"a", "web1", "web", "Web.Example.COM", "ssh://c@b:44", "::1"}

// differentialArgs are command lines, read with a configuration that says
// Port 7 and User conf.
var differentialArgs = [][]string{
	{"a"}, {"-p", "9", "a"}, {"-p9", "a", "-p", "10"}, {"-l", "x", "y@a"}, {"y@a", "-l", "x"},
	{"-o", "Port=8", "-p", "9", "a"}, {"-p", "9", "-o", "Port 8", "a"}, {"-oPort=8", "a"}, {"-o", "Port = 8", "a"},
	{"-o", "IdentityFile=/k", "-o", "identityfile /l", "a"}, {"-4", "a"}, {"-6", "-4", "a"},
	{"-TNn", "a"}, {"-t", "a"}, {"-tt", "a", "ls"}, {"-tT", "a"}, {"-T", "-t", "a"},
	{"-o", "RequestTTY=yes", "-t", "a"}, {"-v", "a"}, {"-vvvv", "a"}, {"-q", "a"}, {"-qv", "a"}, {"-vq", "a"},
	{"-o", "LogLevel=error", "-v", "a"}, {"-v", "-o", "LogLevel=error", "a"},
	{"-e", "none", "a"}, {"-e", "^x", "a"}, {"-e^x", "-o", "EscapeChar=y", "a"}, {"-s", "a", "sftp"},
	{"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "a"},
	{"a", "-o", "User=late"}, {"a", "--", "-o", "User=late"}, {"--", "a", "-p", "1"}, {"a", "ls", "-p", "1"},
	{"-o", "", "a"}, {"-o", "  Port   8  ", "a"}, {"-o", "#x", "a"}, {"-o", "SendEnv=A", "-o", "SendEnv=B", "a"},
	{"ssh://a"}, {"ssh://a/"}, {"ssh://u@a:2"}, {"ssh://u;p=q@a"}, {"ssh://a%20b@a"}, {"u@b@c"}, {"u@::1"},
	{"-p", "5", "ssh://a:6"}, {"-l", "x", "ssh://y@a"}, {"-2", "-k", "-g", "-a", "-x", "a"},
	{"-o", "IgnoreUnknown=Zip", "-o", "Zip=zap", "a"}, {"-i", "/nonexistent", "a"}, {"-i", "/dev/null", "a"},
	{"-o", "Port=8", "-p", "bad", "a"},

	// Errors.
	{}, {"-p"}, {"-z", "a"}, {"a", "-z"}, {"--frob"}, {"@a"}, {"ssh://"}, {"ssh://a/b"}, {"ssh://a:x"}, {"ssh://@a"}, {"ssh://u%zz@a"},
	{"-p", "0", "a"}, {"-p", "x", "a"}, {"-e", "xx", "a"}, {"-1", "a"}, {"-N", "-s", "a"}, {"-s", "-N", "a"}, {"-s", "a"},
	{"--", "-a"}, {"a b"}, {"a;b"}, {"-l", "a;b", "c"}, {"-l", "-a", "b"}, {"x -y@b"}, {"x\\@b"},
	{"-o", "Foo=1", "a"}, {"-o", "Port", "a"}, {"-o", "Port=x", "a"}, {"-o", "Host=x", "a"}, {"-o", "Include=x", "a"},
	{"-o", "User=\"x", "a"}, {"-o", "BatchMode=x", "a"}, {"-o", "RemoteCommand=x", "a", "y"}, {"-F", "/nonexistent", "a"},
}

// TestDifferential compares with the installed OpenSSH.
func TestDifferential(t *testing.T) {
	d := newDifferential(t)
	for i, text := range differentialConfigs {
		hosts := differentialHosts
		if !strings.Contains(text, "Host") && !strings.Contains(text, "Match") && !strings.Contains(text, "%") {
			hosts = []string{hosts[i%len(hosts)]} // nothing in it depends on the host
		}
		for _, host := range hosts {
			d.compare(text, host)
		}
	}
	for _, text := range differentialErrors {
		d.compare(text, "a")
	}
	for _, args := range differentialArgs {
		d.compare("Port 7\nUser conf\n", args...)
	}
}

type differential struct {
	t       *testing.T
	ssh     string
	dir     string
	home    string
	effects Effects
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
	dir := t.TempDir()
	for name, text := range map[string]string{
		"one.conf": "Port 31\n", "two.conf": "Port 32\nHost b\n User two\n", "host.conf": "Host a\n User inc\n",
		"with space": "Port 33\n", ".hidden.conf": "Port 35\n",
		"bad.inc": "Port 36\nFoo 1\n", "loop.inc": "Include " + dir + "/inc/loop.inc\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "inc"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "inc", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("IAPSSH_TEST_DIR", dir)
	t.Setenv("HOME", me.HomeDir) // ssh asks passwd
	t.Setenv("CLOUDSDK_CONFIG", filepath.Join(dir, "gcloud"))
	t.Setenv("CLOUDSDK_ACTIVE_CONFIG_NAME", "")
	return &differential{t: t, ssh: ssh, dir: dir, home: me.HomeDir, effects: System()}
}

func (d *differential) compare(text string, args ...string) {
	d.t.Helper()
	// A relative Include would mean ~/.ssh.
	text = strings.ReplaceAll(text, " inc/", " "+d.dir+"/inc/")
	text = strings.ReplaceAll(text, "\"inc/", "\""+d.dir+"/inc/")
	file := filepath.Join(d.dir, "config")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(d.ssh, append([]string{"-F", file, "-G"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	theirErr := cmd.Run()
	plan, err := Resolve(d.t.Context(), append([]string{"-F", file, "-oIAP=no"}, args...), d.effects)
	what := fmt.Sprintf("%q with\n%s", args, text)
	switch {
	case theirErr == nil && err == nil:
		d.comparePlan(what, plan, parseDump(stdout.String()))
	case theirErr != nil && err != nil:
		d.compareErrors(what, err, stderr.String())
	default:
		d.t.Errorf("%s\nours: %v\nssh: %v %s", what, err, theirErr, stderr.String())
	}
}

func (d *differential) comparePlan(what string, plan Plan, theirs map[string][]string) {
	d.t.Helper()
	for keyword, ours := range dumpOf(plan) {
		want := theirs[keyword]
		switch {
		case keyword == "identityfile":
			want = d.expectedIdentities(want)
		case keyword == "serveraliveinterval" && plan.BatchMode && reflect.DeepEqual(want, []string{"300"}):
			continue // Debian's patch
		}
		if !reflect.DeepEqual(ours, want) {
			d.t.Errorf("%s\n%s: ours %q, ssh %q", what, keyword, ours, want)
		}
	}
}

// expectedIdentities is what ssh -G prints, which is before expansion, without
// the two defaults that OpenSSH has dropped since.
func (d *differential) expectedIdentities(files []string) []string {
	var want []string
	for _, file := range files {
		if file == "none" || file == "~/.ssh/id_xmss" || file == "~/.ssh/id_dsa" {
			continue
		}
		if rest, ok := strings.CutPrefix(file, "~/"); ok {
			file = d.home + "/" + rest
		}
		want = append(want, file)
	}
	return want
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
		if reworded(line) {
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
		"unknown key %", "has no value", "empty argument", "hostname is empty",
	} {
		if strings.Contains(line, ours) {
			return true
		}
	}
	return false
}

// parseDump reads what ssh -G prints. A keyword may come on several lines.
func parseDump(text string) map[string][]string {
	dump := map[string][]string{}
	scanner := bufio.NewScanner(strings.NewReader(text))
	for scanner.Scan() {
		keyword, value, _ := strings.Cut(scanner.Text(), " ")
		dump[keyword] = append(dump[keyword], value)
	}
	return dump
}

// dumpOf is the plan in ssh -G's words. A keyword without value is not printed.
func dumpOf(p Plan) map[string][]string {
	dump := map[string][]string{}
	put := func(keyword string, values ...string) { dump[keyword] = values }
	yesNo := func(keyword string, on bool) { put(keyword, map[bool]string{true: "yes", false: "no"}[on]) }
	trueFalse := func(keyword string, on bool) { put(keyword, fmt.Sprint(on)) }
	optional := func(keyword, value string) {
		if value == "" {
			put(keyword)
		} else {
			put(keyword, value)
		}
	}
	put("user", p.User)
	put("hostname", p.Host)
	put("port", fmt.Sprint(p.Port))
	put("addressfamily", p.AddressFamily)
	yesNo("batchmode", p.BatchMode)
	yesNo("identitiesonly", p.IdentitiesOnly)
	yesNo("hashknownhosts", p.HashKnownHosts)
	yesNo("passwordauthentication", p.PasswordAuthentication)
	yesNo("kbdinteractiveauthentication", p.KbdInteractive)
	yesNo("tcpkeepalive", p.TCPKeepAlive)
	yesNo("stdinnull", p.StdinNull)
	put("numberofpasswordprompts", fmt.Sprint(p.NumberOfPasswordPrompts))
	put("connectionattempts", fmt.Sprint(p.ConnectionAttempts))
	put("serveralivecountmax", fmt.Sprint(p.ServerAliveCountMax))
	put("serveraliveinterval", fmt.Sprint(int(p.ServerAliveInterval.Seconds())))
	put("connecttimeout", "none")
	if p.ConnectTimeout != 0 {
		put("connecttimeout", fmt.Sprint(int(p.ConnectTimeout.Seconds())))
	}
	put("requiredrsasize", fmt.Sprint(p.RequiredRSASize))
	put("fingerprinthash", strings.ToUpper(p.FingerprintHash))
	put("loglevel", p.LogLevel.String())
	if p.LogLevel == LogQuiet {
		put("loglevel", "SILENT") // the other name of it
	}
	put("sessiontype", p.SessionType)
	put("requesttty", map[string]string{"yes": "true", "no": "false"}[p.RequestTTY])
	if p.RequestTTY == "auto" || p.RequestTTY == "force" {
		put("requesttty", p.RequestTTY)
	}
	put("stricthostkeychecking", map[string]string{"yes": "true", "no": "false"}[p.StrictHostKeyChecking])
	if p.StrictHostKeyChecking == "ask" || p.StrictHostKeyChecking == "accept-new" {
		put("stricthostkeychecking", p.StrictHostKeyChecking)
	}
	put("updatehostkeys", map[string]string{"yes": "true", "no": "false", "ask": "ask"}[p.UpdateHostKeys])
	optional("hostkeyalias", p.HostKeyAlias)
	optional("preferredauthentications", p.PreferredAuthentications)
	put("identityfile", p.IdentityFiles...)
	put("certificatefile", p.CertificateFiles...)
	put("sendenv", p.SendEnv...)
	put("setenv", p.SetEnv...)
	put("userknownhostsfile", first(strings.Join(p.UserKnownHostsFiles, " "), "none"))
	put("globalknownhostsfile", first(strings.Join(p.GlobalKnownHostsFiles, " "), "none"))
	switch {
	case p.EscapeChar == NoEscape:
		put("escapechar", "none")
	case p.EscapeChar < 32:
		put("escapechar", fmt.Sprintf("\\^%c", p.EscapeChar+64)) // through vis(3)
	default:
		put("escapechar", string(rune(p.EscapeChar)))
	}
	trueFalse("pubkeyauthentication", p.PubkeyAuthentication)
	return dump
}
