package config

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// vocabulary is what generated configurations are made of: values of each
// keyword, good ones mostly.
var vocabulary = map[string][]string{
	"Port": {"1", "22", "2222", "\"33\"", "065"}, "User": {"u", "v", "\"w x\"", "%u-x", "o'k'", "a\\\\b"},
	"HostName": {"real", "%h.example.com", "10.0.0.9", "R%%x", "UPPER"}, "HostKeyAlias": {"Alias", "k2"},
	"AddressFamily": {"any", "inet", "inet6"}, "BatchMode": {"yes", "no"}, "CheckHostIP": {"yes", "no"},
	"Compression": {"yes", "no"}, "ControlMaster": {"yes", "no", "auto"}, "ControlPath": {"~/%C", "none", "/x/%h-%p"},
	"ControlPersist": {"5m", "no", "yes"}, "ConnectTimeout": {"5", "1m30s", "none"}, "ConnectionAttempts": {"1", "4"},
	"DynamicForward": {"1080", "[::1]:1081", "h:3"}, "EscapeChar": {"none", "^x", "%"}, "ExitOnForwardFailure": {"yes", "no"},
	"FingerprintHash": {"md5", "sha256"}, "ForwardAgent": {"yes", "no"}, "ForwardX11": {"yes", "no"}, "GatewayPorts": {"yes", "no"},
	"GlobalKnownHostsFile": {"/g /h", "none", "/i"}, "HashKnownHosts": {"yes", "no"}, "IdentitiesOnly": {"yes", "no"},
	"IdentityAgent": {"none", "/a/%r", "SSH_AUTH_SOCK"}, "IdentityFile": {"~/.ssh/k", "/k/%h", "none", "\"/with space\""},
	"IPQoS": {"af21 cs1", "cs0", "0x20"}, "KbdInteractiveAuthentication": {"yes", "no"}, "ChallengeResponseAuthentication": {"no"},
	"LocalCommand": {"echo %h # x", "none"}, "LocalForward": {"1 h:2", "[::1]:3 h:4", "/s h:5"}, "LogLevel": {"ERROR", "debug2", "quiet"},
	"NumberOfPasswordPrompts": {"0", "5"}, "PasswordAuthentication": {"yes", "no"}, "PermitRemoteOpen": {"a:1 b:*", "none"},
	"PreferredAuthentications": {"publickey", "password,publickey"}, "ProxyCommand": {"nc %h %p", "sh -c 'a b' # c"},
	"ProxyJump": {"j", "u@j:22,k", "[::1]:9"}, "PubkeyAuthentication": {"yes", "no", "unbound"}, "RekeyLimit": {"1G", "1M 1h", "default none"},
	"RemoteForward": {"1 h:2", "1080", "0 h:3"}, "RequestTTY": {"yes", "no", "force", "auto"}, "RequiredRSASize": {"2048"},
	"SendEnv": {"A B", "LC_*", "-A", "X"}, "ServerAliveCountMax": {"0", "9"}, "ServerAliveInterval": {"15", "1m"}, "SessionType": {"default", "none"},
	"SetEnv": {"A=1 B=2", "\"C=x y\"", "A=%h"}, "StdinNull": {"yes", "no"}, "StrictHostKeyChecking": {"yes", "no", "ask", "accept-new", "off"},
	"TCPKeepAlive": {"yes", "no"}, "Tunnel": {"yes", "no", "ethernet"}, "UpdateHostKeys": {"yes", "no", "ask"},
	"UserKnownHostsFile": {"/dev/null", "~/kh /k/%h", "none"}, "VerifyHostKeyDNS": {"yes", "no", "ask"}, "VisualHostKey": {"yes"},
	"Ciphers": {"aes128-ctr", "+aes128-cbc", "-aes*"}, "MACs": {"^hmac-sha2-512"}, "KexAlgorithms": {"curve25519-sha256"}, "CanonicalDomains": {"a b.c"},
	"Protocol": {"2"}, "UseRoaming": {"no"}, "IgnoreUnknown": {"Foo*,Bar"},
}

var generatedBlocks = []string{
	"Host a", "Host a b web", "Host web* !web1", "Host *", "Host !a *", "Host ?", "Host *.example.com", "Host nomatch", "Host \"a\" ::1",
	"Match all", "Match host a", "Match host *.com,real", "Match !host a,web", "Match user root", "Match !user u", "Match originalhost web*",
	"Match exec \"true\"", "Match exec false", "Match final host real", "Match canonical", "Match final", "Match localuser root host *",
	"Match host a user u,root", "Match !exec false originalhost !a,*",
}

// wrong are lines with something wrong in them; few configurations have one.
var wrong = []string{"Foo 1", "Port x", "User", "Match host", "BatchMode perhaps", "LocalForward 1", "Host", "User \"x", "Include inc/bad.inc"}

// generate makes a configuration.
func generate(r *rand.Rand) string {
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	keywords := make([]string, 0, len(vocabulary))
	for keyword := range vocabulary {
		keywords = append(keywords, keyword)
	}
	slices.Sort(keywords)
	var b strings.Builder
	for range 1 + r.IntN(5) {
		if r.IntN(6) > 0 {
			fmt.Fprintln(&b, vary(r, pick(generatedBlocks)))
		}
		for range r.IntN(7) {
			keyword := pick(keywords)
			fmt.Fprintf(&b, "%s%s%s%s\n", pick([]string{"", " ", "\t", "    "}), vary(r, keyword), pick([]string{" ", " ", "=", " = ", "\t"}), pick(vocabulary[keyword]))
		}
		switch r.IntN(12) {
		case 0:
			fmt.Fprintln(&b, "Include inc/"+pick([]string{"one.conf", "two.conf", "*.conf", "deep1", "scope", "missing"}))
		case 1:
			fmt.Fprintln(&b, "# comment \" with quote")
		case 2:
			if r.IntN(4) == 0 {
				fmt.Fprintln(&b, pick(wrong))
			}
		}
	}
	return b.String()
}

// vary writes the first word, which has no case, in one.
func vary(r *rand.Rand, line string) string {
	word, rest, found := strings.Cut(line, " ")
	switch r.IntN(6) {
	case 0:
		word = strings.ToUpper(word)
	case 1:
		word = lower(word)
	}
	if found {
		word += " " + rest
	}
	return word
}
