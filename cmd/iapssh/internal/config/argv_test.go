package config

import (
	"errors"
	"testing"
)

// What each command line makes of a plan, beside a config file that says Port 7.
func TestArgv(t *testing.T) {
	m := machine{files: map[string]string{"/home/ann/key": "", "/home/ann/.ssh/config": "Port 7\n"}}
	for _, test := range []struct {
		argv string
		get  func(Plan) any
		want any
	}{
		{"10.0.0.1", func(p Plan) any { return p.User }, "ann"},
		{"10.0.0.1", func(p Plan) any { return p.Port }, 7},
		{"u@10.0.0.1", func(p Plan) any { return p.User }, "u"},
		{"a@b@10.0.0.1", func(p Plan) any { return p.User }, "a@b"},
		{"u@10.0.0.1 -l v", func(p Plan) any { return p.User }, "u"},
		{"-l v u@10.0.0.1", func(p Plan) any { return p.User }, "v"},
		{"-o User=o -lv 10.0.0.1", func(p Plan) any { return p.User }, "o"},
		{"ssh://u;x=y@10.0.0.1:33/", func(p Plan) any { return []any{p.User, p.Host, p.Port} }, []any{"u", "10.0.0.1", 33}},
		{"ssh://[::1]:33", func(p Plan) any { return []any{p.Host, p.Port} }, []any{"::1", 33}},
		{"-p 5 ssh://10.0.0.1:33", func(p Plan) any { return p.Port }, 5},
		{"-p5 -p 6 10.0.0.1", func(p Plan) any { return p.Port }, 5},
		{"-o Port=8 -p x 10.0.0.1", func(p Plan) any { return p.Port }, 8},
		{"10.0.0.1 -p 9", func(p Plan) any { return p.Port }, 9},
		{"10.0.0.1 ls -p 9", func(p Plan) any { return []any{p.Command, p.Port} }, []any{"ls -p 9", 7}},
		{"10.0.0.1 -- -p 9", func(p Plan) any { return []any{p.Command, p.Port} }, []any{"-p 9", 7}},
		{"-- 10.0.0.1 -p 9", func(p Plan) any { return p.Command }, "-p 9"},
		{"-TNnq 10.0.0.1", func(p Plan) any { return []any{p.RequestTTY, p.SessionType, p.StdinNull, p.LogLevel} },
			[]any{"no", "none", true, LogQuiet}},
		{"-t 10.0.0.1", func(p Plan) any { return p.RequestTTY }, "yes"},
		{"-tt 10.0.0.1", func(p Plan) any { return p.RequestTTY }, "force"},
		{"-t -T 10.0.0.1", func(p Plan) any { return p.RequestTTY }, "no"},
		{"-v 10.0.0.1", func(p Plan) any { return p.LogLevel }, LogDebug1},
		{"-vvvvv 10.0.0.1", func(p Plan) any { return p.LogLevel }, LogDebug3},
		{"-q -v 10.0.0.1", func(p Plan) any { return p.LogLevel }, LogDebug1},
		{"-v -q 10.0.0.1", func(p Plan) any { return p.LogLevel }, LogQuiet},
		{"-o LogLevel=error 10.0.0.1", func(p Plan) any { return p.LogLevel }, LogError},
		{"-s 10.0.0.1 sftp", func(p Plan) any { return []any{p.SessionType, p.Command} }, []any{"subsystem", "sftp"}},
		{"-e none 10.0.0.1", func(p Plan) any { return p.EscapeChar }, NoEscape},
		{"-e^a 10.0.0.1", func(p Plan) any { return p.EscapeChar }, 1},
		{"-E log 10.0.0.1", func(p Plan) any { return p.LogFile }, "log"},
		{"-i ~/key 10.0.0.1", func(p Plan) any { return p.IdentityFiles }, []string{"/home/ann/key"}},
		{"-i nokey 10.0.0.1", func(p Plan) any { return p.Warnings },
			[]string{"Warning: Identity file nokey not accessible: No such file or directory."}},
		{"-F none 10.0.0.1", func(p Plan) any { return p.Port }, 22},
		{"-c +aes256-ctr 10.0.0.1 -m hmac-sha1", func(p Plan) any { return []any{p.Ciphers, p.MACs} }, []any{"+aes256-ctr", "hmac-sha1"}},
		{"-y 10.0.0.1", func(p Plan) any { return p.Syslog }, "USER"},
		{"-yo SyslogFacility=local1 10.0.0.1", func(p Plan) any { return p.Syslog }, "LOCAL1"},
		{"-K 10.0.0.1", func(p Plan) any { return p.Ignored }, []Ignored{{"gssapiauthentication", "-K"}}},
		{"-Q cipher -z", func(p Plan) any { return []any{p.Mode, p.Query} }, []any{ModeQuery, "cipher"}},
		{"-Q HostKeyAlgorithms", func(p Plan) any { return p.Query }, "key-sig"},
		{"-o IAP=no ssh://u@[::1]:5/", func(p Plan) any { return []any{p.User, p.Host, p.Port} }, []any{"u", "::1", 5}},
		{"127.1", func(p Plan) any { return p.Host }, "127.0.0.1"},
		{"0x7f.010.1", func(p Plan) any { return p.Host }, "127.8.0.1"},
		{"10.0.0.1 -- -D1", func(p Plan) any { return p.Warnings },
			[]string{"-D1 after -- is part of the remote command; options of ssh go before --"}},
		{"10.0.0.1 -- -N", func(p Plan) any { return len(p.Warnings) }, 1},
		{"10.0.0.1 -- ls -N", func(p Plan) any { return len(p.Warnings) }, 0},
		{"10.0.0.1 ls -- --listen-on-stdin", func(p Plan) any { return p.Command }, "ls -- --listen-on-stdin"},
		{"-6 -2Cgakx 10.0.0.1", func(p Plan) any { return []any{p.AddressFamily, p.Ignored} },
			[]any{"inet6", []Ignored{{"compression", "-C"}}}},
		{"-V", func(p Plan) any { return p.Mode }, ModeSSHVersion},
		{"10.0.0.1 -V", func(p Plan) any { return p.Mode }, ModeSSHVersion},

		{"--project=p --zone z vm", func(p Plan) any { return p.IAP }, Target{Project: "p", Zone: "z", Instance: "vm", Interface: "nic0", Port: 7}},
		{"vm --project p --zone=z ls", func(p Plan) any { return []any{p.IAP, p.Command} }, []any{Target{Project: "p", Zone: "z", Instance: "vm", Interface: "nic0", Port: 7}, "ls"}},
		{"-o IAPProject=q --project=p -o IAPZone=z vm", func(p Plan) any { return p.IAP.Project }, "p"},
		{"--project=p -o IAP=yes vm", func(p Plan) any { return p.IAP.FullName() }, "vm.p"}, // its zone is to be looked up
		{"--region=r --network=n --project=p vm.us-east1-b.q", func(p Plan) any { return p.IAP.FullName() }, "vm.us-east1-b.q.n.r.p"},
		{"--cloud-run=service --region=r --project=p svc", func(p Plan) any { return p.User + "@" + p.HostKeyAlias }, "root@cloud-run-default"},
		{"--cloud-run=service --region=r --project=p -o HostKeyAlias=a me@svc", func(p Plan) any { return p.User + "@" + p.HostKeyAlias }, "me@a"},
		{"--network-interface=nic1 --project=p --zone=z vm", func(p Plan) any { return p.IAP.Interface }, "nic1"},
		{"--project=p --zone=z vm", func(p Plan) any { return p.RouteReason }, "--project was given"},
		{"--iap-tunnel-url-override=wss://x --project=p --zone=z vm", func(p Plan) any { return p.RelayURL }, "wss://x"},
		{"--project=p --zone=z vm ls -- --project=q", func(p Plan) any { return p.Command }, "ls -- --project=q"},
		{"10.0.0.1 -- -L 1:h:2", func(p Plan) any { return p.Warnings },
			[]string{"-L after -- is part of the remote command; options of ssh go before --"}},
	} {
		p, err := m.resolve(t, test.argv)
		if got := test.get(p); err != nil || !equal(got, test.want) {
			t.Errorf("%s: got %v, %v; want %v", test.argv, got, err, test.want)
		}
	}
}

func TestArgvErrors(t *testing.T) {
	for _, test := range []struct {
		argv, want string
		synopsis   bool
	}{
		{"", "usage error", true},
		{"-v", "usage error", true},
		{"@h", "usage error", true},
		{"u@", "hostname is empty", true},
		{"-z h", "unknown option -- z", true},
		{"-vz h", "unknown option -- z", true},
		{"h -z", "unknown option -- z", true},
		{"--frob h", "unknown option -- -frob", true},
		{"h --version", "unknown option -- -version", true},
		{"-p", "option requires an argument -- p", true},
		{"h -vp", "option requires an argument -- p", true},
		{"--zone", "option requires an argument -- -zone", true},
		{"--zone= vm", "--zone needs a value", false},
		{"h ls x --local-port=3", "--local-port needs exactly HOST PORT beside its flags; a command with such a flag goes after --", false},
		{"-y -E f h", "Can't specify both -y and -E", false},
		{"-Q Cipher", "Unsupported query \"Cipher\"", false},
		{"-W h:1 -W h:2 x", "stdio forward already specified", false},
		{"-f h", "Cannot fork into background without a command to execute.", false},
		{"-p 0 h", "Bad port '0'", false},
		{"-p 65536 h", "Bad port '65536'", false},
		{"-e xx h", "Bad escape character 'xx'.", false},
		{"-1 h", "SSH protocol v.1 is no longer supported", false},
		{"-N -s h", "Cannot specify -s with -N/SessionType", false},
		{"-s -N h", "Cannot specify -N with -s/SessionType", false},
		{"-s h", "You must specify a subsystem to invoke.", true},
		{"-- -h", "hostname contains invalid characters", false},
		{"h;ls", "hostname contains invalid characters", false},
		{"-l a;b h", "remote username contains invalid characters", false},
		{"-l -x h", "remote username contains invalid characters", false},
		{"ssh://h/path", "usage error", true},
		{"ssh://h:0", "usage error", true},
		{"ssh://h:", "", false}, // as ssh has it
		{"ssh://@h", "usage error", true},
		{"ssh://", "usage error", true},
	} {
		_, err := machine{}.resolve(t, "-oIAP=no "+test.argv)
		var usage *UsageError
		switch {
		case test.want == "":
			if err != nil {
				t.Errorf("%s: %v", test.argv, err)
			}
		case !errors.As(err, &usage) || usage.Error() != test.want || usage.Synopsis != test.synopsis:
			t.Errorf("%s: got %#v, want %q, synopsis %v", test.argv, err, test.want, test.synopsis)
		}
	}
}

func TestRefusedOptions(t *testing.T) {
	for _, argv := range []string{
		"-w any h", "-I x h", "h -w any",
		"-o LocalForward=1 h",
	} {
		_, err := machine{}.resolve(t, argv)
		var refused *UnsupportedError
		if argv == "-o LocalForward=1 h" {
			var bad *ConfigError
			if !errors.As(err, &bad) { // no target: wrong before it is unsupported
				t.Errorf("%s: got %v", argv, err)
			}
		} else if !errors.As(err, &refused) || refused.Where != "" {
			t.Errorf("%s: got %v, want an UnsupportedError", argv, err)
		}
	}
}
