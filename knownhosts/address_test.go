package knownhosts_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/iapssh/iapssh/knownhosts"
)

func TestDecideAddress(t *testing.T) {
	web := knownhosts.Target{Host: "web", Port: 22, Address: "10.1.2.3"}
	for _, c := range []struct {
		name    string
		text    string
		target  knownhosts.Target
		status  knownhosts.Status
		address string // AtAddress: name, status and line of By; empty: nil
		names   string // to be stored
	}{
		{"both known", "web {ed25519}\n10.1.2.3 {ed25519}\n", web, knownhosts.Trusted, "10.1.2.3 1 2", "web"},
		{"on one line", "web,10.1.2.3 {ed25519}\n", web, knownhosts.Trusted, "10.1.2.3 1 1", "web"},
		{"address unknown", "web {ed25519}\n", web, knownhosts.Trusted, "10.1.2.3 0 0", "web,10.1.2.3"},
		{"neither known", "", web, knownhosts.Unknown, "10.1.2.3 0 0", "web,10.1.2.3"},
		{"address has another key", "web {ed25519}\n10.* {rsa}\n", web, knownhosts.Trusted, "10.1.2.3 3 2", "web"},
		{"only the address is known", "10.1.2.3 {ed25519}\n", web, knownhosts.Unknown, "10.1.2.3 1 1", "web"},
		{"revoked for the address", "web {ed25519}\n@revoked 10.* {ed25519}\n", web, knownhosts.Revoked, "", "web"},
		{"both changed", "web,10.1.2.3 {rsa}\n", web, knownhosts.Changed, "10.1.2.3 3 1", "web"},
		{"other port", "web {ed25519}\n", knownhosts.Target{Host: "web", Port: 2222, Address: "10.1.2.3"}, knownhosts.Trusted, "10.1.2.3 0 0", "[web]:2222,10.1.2.3"},
		{"other port, address known on it", "web {ed25519}\n[10.1.2.3]:2222 {rsa}\n", knownhosts.Target{Host: "web", Port: 2222, Address: "10.1.2.3"}, knownhosts.Trusted, "[10.1.2.3]:2222 3 2", "[web]:2222"},
		{"this machine", "", knownhosts.Target{Host: "web", Address: "127.0.0.2"}, knownhosts.Unknown, "", "web"},
		{"this machine, IPv6", "", knownhosts.Target{Host: "web", Address: "::1"}, knownhosts.Unknown, "", "web"},
		{"no address", "", knownhosts.Target{Host: "web"}, knownhosts.Unknown, "", "web"},
		{"address as name", "", knownhosts.Target{Host: "10.1.2.3", Address: "10.1.2.3"}, knownhosts.Unknown, "", "10.1.2.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := store(t, c.text).Decide(knownhosts.Query{Target: c.target, Key: key(t, "ed25519"), Now: now, CheckAddress: true})
			address := ""
			if a := v.AtAddress; a != nil {
				line := 0
				if a.By != nil {
					line = a.By.Number
				}
				address = fmt.Sprintf("%s %d %d", a.Name, a.Status, line)
			}
			if names := strings.Join(v.Names(), ","); v.Status != c.status || address != c.address || names != c.names {
				t.Errorf("got %v, %q, %q, want %v, %q, %q", v.Status, address, names, c.status, c.address, c.names)
			}
		})
	}
	cert := certificate(t, "ed25519", "ca", nil, "web")
	if v := store(t, "web {ed25519}\n").Decide(knownhosts.Query{Target: web, Key: cert, Now: now, CheckAddress: true}); v.AtAddress != nil {
		t.Error("an address is looked up for a certificate")
	}
}

// ownAddress is an address of this machine that ssh looks up.
func ownAddress(t *testing.T) string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has no IPv4 address but loopback, and ssh looks up none of those")
	return ""
}

// With CheckHostIP, stock ssh decides, says, asks and stores the same. Only
// through an alias can it be told another name than the address.
func TestCheckHostIPAsSSH(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(3, 3)), t}
	dir, ip := t.TempDir(), ownAddress(t)
	listening, err := prepare(t, []string{"ed25519"}, nil).Listen(net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	number := listening.(*net.TCPAddr).Port
	target := knownhosts.Target{Host: ip, Port: number, Address: ip, Alias: "web"}
	stored := knownhosts.Name(ip, number)
	for range *cases / 2 {
		var text strings.Builder
		for range g.IntN(4) {
			fmt.Fprintf(&text, "%s %s\n", pick(g, "web", "web,"+stored, stored, stored, "[10.*]:*", "db", knownhosts.HashName(stored), "@revoked web"),
				"{"+pick(g, "ed25519", "ed25519", "rsa", "ed25519b")+"}")
		}
		before := fill(t, text.String())
		write(t, filepath.Join(dir, "kh"), before)
		policyName, answer, hash := pick(g, "ask", "ask", "yes", "accept-new", "no"), pick(g, "yes", "no"), g.IntN(4) == 0
		options := []string{"CheckHostIP=yes", "HostKeyAlias=web", "StrictHostKeyChecking=" + policyName}
		visual := g.IntN(4) == 0
		if visual {
			options = append(options, "VisualHostKey=yes")
		}
		if hash {
			options = append(options, "HashKnownHosts=yes")
		}
		policy, err := knownhosts.ParsePolicy(policyName)
		if err != nil {
			t.Fatal(err)
		}
		s := &knownhosts.Store{Files: []knownhosts.File{{Path: "kh", Text: before}}}
		v := s.Decide(knownhosts.Query{Target: target, Key: key(t, "ed25519"), Now: now, CheckAddress: true, Show: knownhosts.Display{Visual: visual}})
		want := expect(v, policy, answer)
		got := asDebian(runSSH(t, dir, ip, number, answer, options...), &want)
		if got.accepted != want.accepted || got.stderr != want.stderr || !slices.Equal(got.questions, want.questions) {
			t.Errorf("policy %s, verdict %v, address %+v in\n%s\nssh %+v\n\nwe  %+v", policyName, v.Status, v.AtAddress, before, got, want)
		}
		added := strings.TrimPrefix(read(t, filepath.Join(dir, "kh")), before)
		if !hash && added != "" && added != strings.Join(v.Names(), ",")+" "+keyLine(t, "ed25519")+"\n" && added != stored+" "+keyLine(t, "ed25519")+"\n" {
			t.Errorf("verdict %v: ssh added %q, we add %q", v.Status, added, v.Names())
		}
	}
}
