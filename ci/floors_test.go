// Package ci asserts rules about the repository as a whole. The scripts beside it run everything; see README.md.
package ci

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/iapssh/iapssh/"

// floors lists the packages from the ground up. A package imports only from floors below its own, unless beside says that
// neighbours on its floor may be joined. The first matching prefix decides.
var floors = []struct {
	prefix string
	floor  int
	why    string // it must not import its own floor or what is above
}{
	{"transport/iap/proxy/proxytest", 0, "a fake that shares code with its clients cannot catch them"},
	{"transport/iap/proxy", 0, "proxies lead anywhere: to the relay, to APIs"},
	{"transport/iap/internal/wire", 0, "a codec needs nothing but bytes"},
	{"sshclient/sshtest/dialogue", 0, "a test of carriers needs nothing of theirs"},
	{"knownhosts/filelock", 0, "a lock needs nothing but a file"},
	{"transport/iap/iaptest", 1, "an emulator that shares code with the client cannot catch it"},
	{"transport/iap", 1, "the transport is a product of its own and knows nothing of SSH or trust"},
	{"sshclient/control", 2, "sharing is built upon the client"},
	{"sshclient", 1, "the SSH client never learns what IAP is; it is handed a net.Conn and a HostTrust"},
	{"knownhosts", 1, "trust is decided for any SSH program"},
	{"cmd/internal/googletest", 1, "a fake that shares code with its callers proves nothing"},
	{"cmd/iapssh/internal/config", 2, "resolving is pure: facts come in through Effects"},
	{"cmd/iapssh/internal/creds", 2, "tokens are got the same way for every mode"},
	{"cmd/iapssh/internal/gce", 2, "API calls are handed a token, they do not look for one"},
	{"cmd/iapssh/internal/cache", 2, "a cache does not know what it keeps"},
	{"cmd/iapssh/internal/audit", 2, "an audit is told what happened, and asks nobody"},
	{"cmd/iapssh/internal/jsonlog", 2, "a log does not know what it is about"},
	{"cmd/iapssh/internal/amount", 2, "how a number is written does not depend on what it counts"},
	{"cmd/iapssh/internal/sockerr", 2, "what a number means does not depend on the socket"},
	{"cmd/iapssh/internal/tty", 2, "the terminal is one place, so that it is restored in one place"},
	{"cmd/iapssh/internal", 3, "modes and duties are joined by main, never by each other"},
	{"cmd/internal/lab", 3, "a lab joins the servers of the floors below"},
	{"cmd", 4, "commands are composition"},
	{"ci", 5, "nothing imports the rules"},
}

// doors names the only packages that import a dependency.
var doors = []struct {
	dependency string
	packages   []string
	why        string
}{
	{"github.com/coder/websocket", []string{"transport/iap"}, "its context and close rules are understood in one place"},
	{"golang.org/x/oauth2", []string{"cmd/iapssh/internal/creds"}, "its errors carry response bodies, which must not reach a log"},
	{"github.com/kevinburke/ssh_config", []string{"cmd/iapssh/internal/config"}, "its own Get drops Match conditions; only the lexer is safe"},
	{"golang.org/x/term", []string{"cmd/iapssh/internal/tty"}, "raw mode is entered and left in one place"},
	{"github.com/VictoriaMetrics/metrics", []string{"cmd/iapssh/internal/tunnel"}, "Prometheus' text format is written in one place"},
	{"github.com/googleapis/enterprise-certificate-proxy", []string{"cmd/iapssh/internal/creds"}, "it runs a helper, and its errors are not typed"},
	{"golang.org/x/net/http/httpproxy", []string{"transport/iap/proxy"}, "NO_PROXY is read in one place"},
	{"golang.org/x/net/proxy", []string{"transport/iap/proxy"}, "SOCKS is one kind of proxy"},
	{"github.com/creack/pty", []string{"sshclient/sshtest"}, "only a server, or a test, makes terminals"},
	{"golang.org/x/crypto/ssh", []string{"sshclient", "sshclient/control", "sshclient/sshtest", "knownhosts", "cmd/iapssh/internal/session", "cmd/internal/lab"},
		"keys and connections stay within the SSH packages and what joins them"},
	{"golang.org/x/sys", []string{"cmd/iapssh/internal/tty", "cmd/iapssh/internal/detach", "cmd/iapssh/internal/tunnel", "transport/iap", "sshclient", "sshclient/control", "sshclient/sshtest", "knownhosts/filelock", "cmd/iapssh/internal/cache", "cmd/iapssh/internal/sockerr"},
		"system calls sit behind one small function for each"},
}

// The emulator's rule is absolute, tests included.
var emulatorForbidden = []string{"github.com/coder/websocket", module + "transport/iap/internal/wire"}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func TestFloors(t *testing.T) {
	for _, p := range packages(t) {
		from, why := floorOf(t, p.ImportPath)
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			if to, _ := floorOf(t, imported); to >= from && !mayJoin(p.ImportPath, imported) {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

// mayJoin lists the exceptions.
func mayJoin(from, to string) bool {
	// sshclient and control are floors of one product; the lab's tools are used by tests of the same floor only.
	return from == module+"sshclient/control" && to == module+"sshclient"
}

func TestDoors(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for _, d := range doors {
				if within(imported, d.dependency) && !contains(d.packages, strings.TrimPrefix(p.ImportPath, module)) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, d.why)
				}
			}
			if !known(imported) {
				t.Errorf("%s imports %s, which has no door: add it to the table with a reason", p.ImportPath, imported)
			}
		}
	}
}

func TestEmulatorSharesNothing(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"transport/iap/iaptest" {
			continue
		}
		for _, list := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			for _, imported := range list {
				if contains(emulatorForbidden, imported) {
					t.Errorf("iaptest imports %s: an emulator that shares code with the client cannot catch it", imported)
				}
			}
		}
	}
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func floorOf(t *testing.T, path string) (floor int, why string) {
	t.Helper()
	for _, f := range floors {
		if within(strings.TrimPrefix(path, module), f.prefix) {
			return f.floor, f.why
		}
	}
	t.Fatalf("%s has no floor", path)
	return 0, ""
}

// known says that an import is the standard library's, ours, or has a door.
func known(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") || strings.HasPrefix(path, module) {
		return true
	}
	for _, d := range doors {
		if within(path, d.dependency) {
			return true
		}
	}
	return false
}

func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
