package session

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
)

// remote is a connection of which only the far end matters.
type remote struct {
	net.Conn
	address string
}

func (r remote) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(r.address), Port: 22}
}

// testKey is one of a few keys that are always the same.
func testKey(t *testing.T, seed byte) ssh.PublicKey {
	t.Helper()
	key, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)).Public())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyLine(t *testing.T, hosts string, seed byte) string {
	return hosts + " " + string(ssh.MarshalAuthorizedKey(testKey(t, seed)))
}

// trustPlan is a plan to reach web:22 directly, with one known_hosts file.
func trustPlan(t *testing.T, knownHosts string) (plan config.Plan, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(knownHosts), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Plan{
		Host: "web", Port: 22, Route: config.RouteDirect, LogLevel: config.LogInfo, BatchMode: true,
		UserKnownHostsFiles: []string{file}, StrictHostKeyChecking: "ask", FingerprintHash: "sha256", UpdateHostKeys: "no",
	}, file
}

// check has the plan judge key 1 of a server at address.
func check(t *testing.T, plan config.Plan, address string) (trust *hostTrust, said string, degraded bool, err error) {
	t.Helper()
	var messages strings.Builder
	conn := remote{address: address}
	trust, err = newTrust(t.Context(), plan, conn, Proof{}, &output{to: NewMessages(&messages), level: plan.LogLevel})
	if err != nil {
		t.Fatal(err)
	}
	trust.askLine = noTerminal
	verdict, err := trust.Check(t.Context(), plan.Host, conn.RemoteAddr(), testKey(t, 1))
	return trust, messages.String(), verdict.Degraded, err
}

// checkProof does the same with a proof.
func checkProof(t *testing.T, plan config.Plan, proof Proof) (said string, err error) {
	t.Helper()
	var messages strings.Builder
	conn := remote{address: "10.1.2.3"}
	trust, err := newTrust(t.Context(), plan, conn, proof, &output{to: NewMessages(&messages), level: plan.LogLevel})
	if err != nil {
		t.Fatal(err)
	}
	trust.askLine = noTerminal
	_, err = trust.Check(t.Context(), plan.Host, conn.RemoteAddr(), testKey(t, 1))
	return messages.String(), err
}

func noTerminal(context.Context, string, bool) (string, error) { return "", tty.ErrNoTerminal }

// answering types answers to questions, and notes the questions.
func answering(prompts *[]string, answers ...string) func(context.Context, string, bool) (string, error) {
	return func(_ context.Context, prompt string, echo bool) (string, error) {
		*prompts = append(*prompts, prompt)
		if len(answers) == 0 || !echo {
			return "", io.EOF
		}
		answer := answers[0]
		answers = answers[1:]
		return answer, nil
	}
}

func TestCheckAsks(t *testing.T) {
	known, other := keyLine(t, "web", 1), keyLine(t, "10.1.2.3", 2)
	for _, c := range []struct {
		name    string
		before  string
		answers []string
		prompts int
		after   string
		trusted bool
		updates bool // the server may tell of its other keys
	}{
		{"yes", "", []string{"yes"}, 1, keyLine(t, "web,10.1.2.3", 1), true, true},
		{"fingerprint, at the second try", "", []string{"y", ssh.FingerprintSHA256(testKey(t, 1))}, 2, keyLine(t, "web,10.1.2.3", 1), true, true},
		{"no", "", []string{"no"}, 1, "", false, false},
		{"end of input", "", nil, 1, "", false, false},
		{"known", known + keyLine(t, "10.1.2.3", 1), nil, 0, known + keyLine(t, "10.1.2.3", 1), true, true},
		{"address with another key, yes", known + other, []string{"yes"}, 1, known + other, true, true},
		{"address with another key, no", known + other, []string{ssh.FingerprintSHA256(testKey(t, 1)), "no"}, 2, known + other, false, false},
		{"changed", keyLine(t, "web", 2), nil, 0, keyLine(t, "web", 2), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, file := trustPlan(t, c.before)
			plan.BatchMode, plan.CheckHostIP, plan.UpdateHostKeys = false, true, "yes"
			conn := remote{address: "10.1.2.3"}
			trust, err := newTrust(t.Context(), plan, conn, Proof{}, &output{to: NewMessages(io.Discard)})
			if err != nil {
				t.Fatal(err)
			}
			var prompts []string
			trust.askLine = answering(&prompts, c.answers...)
			_, err = trust.Check(t.Context(), "web", conn.RemoteAddr(), testKey(t, 1))
			var refused *knownhosts.RefusedError
			if (err == nil) != c.trusted || err != nil && !errors.As(err, &refused) || len(prompts) != c.prompts || (trust.updates != nil) != c.updates {
				t.Errorf("got %v, updates %v, asked %q", err, trust.updates != nil, prompts)
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != c.after {
				t.Errorf("known_hosts is %q, %v", after, err)
			}
		})
	}
}

// UpdateHostKeys ask asks when the session has ended.
func TestUpdateAsks(t *testing.T) {
	before := keyLine(t, "web", 1)
	for answer, after := range map[string]string{"yes": before + keyLine(t, "web", 3), "no": before} {
		plan, file := trustPlan(t, before)
		plan.BatchMode, plan.UpdateHostKeys = false, "ask"
		trust, _, _, err := check(t, plan, "10.1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		var prompts []string
		trust.askLine = answering(&prompts, "perhaps", answer)
		trust.Learn([]ssh.PublicKey{testKey(t, 1), testKey(t, 3)}, proveAll)
		if len(prompts) != 0 {
			t.Errorf("asked %q while the session runs", prompts)
		}
		trust.settle(t.Context())
		if got, err := os.ReadFile(file); err != nil || string(got) != after || len(prompts) != 2 || !strings.Contains(prompts[0], "\nLearned new hostkey: ED25519 SHA256:") {
			t.Errorf("%s: asked %q, known_hosts is %q, %v", answer, prompts, got, err)
		}
	}
	for _, plan := range []config.Plan{
		{LogLevel: config.LogInfo, Command: "ls"}, {LogLevel: config.LogInfo, BatchMode: true}, {LogLevel: config.LogInfo, RequestTTY: "no"}, {LogLevel: config.LogError},
	} {
		plan.UpdateHostKeys, plan.UserKnownHostsFiles = "ask", []string{"kh"}
		if (&hostTrust{plan: plan}).newUpdates() != nil {
			t.Errorf("%+v: may ask", plan)
		}
	}
}

func TestCheckHostIP(t *testing.T) {
	for _, c := range []struct {
		name, policy, before string
		after                string // known_hosts; empty: as before
		said                 string
		refused              bool
	}{
		{"address is added", "yes", keyLine(t, "web", 1), keyLine(t, "web", 1) + keyLine(t, "10.1.2.3", 1), "Warning: Permanently added the ED25519 host key for IP address '10.1.2.3' to the list of known hosts.\n", false},
		{"both are added", "accept-new", "", keyLine(t, "web,10.1.2.3", 1), "Warning: Permanently added 'web,10.1.2.3' (ED25519) to the list of known hosts.\n", false},
		{"address has another key", "accept-new", keyLine(t, "web", 1) + keyLine(t, "10.1.2.3", 2), "", "Warning: the ED25519 host key for 'web' differs from the key for the IP address '10.1.2.3'\n", true},
		{"nobody to ask", "ask", keyLine(t, "web", 1) + keyLine(t, "10.1.2.3", 2), "", "", true},
		{"nobody cares", "no", keyLine(t, "web", 1) + keyLine(t, "10.1.2.3", 2), "", "Warning: the ED25519 host key for 'web' differs from the key for the IP address '10.1.2.3'\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, file := trustPlan(t, c.before)
			plan.CheckHostIP, plan.StrictHostKeyChecking = true, c.policy
			_, said, _, err := check(t, plan, "10.1.2.3")
			var refused *knownhosts.RefusedError
			if errors.As(err, &refused) != c.refused || !c.refused && err != nil || !strings.HasPrefix(said, c.said) {
				t.Errorf("got %v, said %q", err, said)
			}
			after, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if c.after == "" {
				c.after = c.before
			}
			if string(after) != c.after {
				t.Errorf("known_hosts is\n%s", after)
			}
		})
	}
}

func TestCheckDegraded(t *testing.T) {
	plan, _ := trustPlan(t, keyLine(t, "web", 2))
	plan.StrictHostKeyChecking, plan.UpdateHostKeys = "no", "yes"
	trust, said, degraded, err := check(t, plan, "10.1.2.3")
	if err != nil || !degraded || !strings.HasSuffix(said, knownhosts.NoUpdateHostKeys+"\n") {
		t.Errorf("got %v, degraded %v, said %q", err, degraded, said)
	}
	trust.Learn([]ssh.PublicKey{testKey(t, 1)}, func([]ssh.PublicKey) ([]ssh.PublicKey, error) { t.Error("a proof is asked for"); return nil, nil })
}

// What a proxy or a jump host calls localhost is not this machine.
func TestLocalhostOfOthers(t *testing.T) {
	for _, remote := range []net.Addr{sshclient.Endpoint{Host: "127.0.0.1", Port: 22}, beyond{}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}} {
		if isLoopback(remote) {
			t.Errorf("%s is taken for this machine", remote)
		}
	}
}

func TestCheckLocalhost(t *testing.T) {
	plan, _ := trustPlan(t, keyLine(t, "web", 2))
	plan.TrustLocalhost = true
	if _, said, degraded, err := check(t, plan, "127.0.0.1"); err != nil || degraded || said != "" {
		t.Errorf("got %v, degraded %v, said %q", err, degraded, said)
	}
	if _, _, _, err := check(t, plan, "10.1.2.3"); err == nil {
		t.Error("another host is trusted")
	}
	plan.HostKeyAlias = "web"
	if _, _, _, err := check(t, plan, "127.0.0.1"); err == nil {
		t.Error("an alias is trusted")
	}
}

// proveAll is a server that holds all keys it tells of.
func proveAll(keys []ssh.PublicKey) ([]ssh.PublicKey, error) { return keys, nil }

func TestLearn(t *testing.T) {
	for _, c := range []struct {
		name  string
		prove func([]ssh.PublicKey) ([]ssh.PublicKey, error)
		after string
	}{
		{"proved", proveAll, keyLine(t, "web", 1) + keyLine(t, "web", 3)},
		{"not well enough", func([]ssh.PublicKey) ([]ssh.PublicKey, error) { return nil, nil }, keyLine(t, "web", 1)},
		{"falsely", func([]ssh.PublicKey) ([]ssh.PublicKey, error) { return nil, errors.New("bad signature") }, keyLine(t, "web", 1)},
	} {
		plan, file := trustPlan(t, keyLine(t, "web", 1))
		plan.UpdateHostKeys = "yes"
		trust, _, _, err := check(t, plan, "10.1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		trust.Learn([]ssh.PublicKey{testKey(t, 1), testKey(t, 3)}, func(keys []ssh.PublicKey) ([]ssh.PublicKey, error) {
			if len(keys) != 1 || !bytes.Equal(keys[0].Marshal(), testKey(t, 3).Marshal()) {
				t.Errorf("%s: proof of %v is asked for", c.name, keys)
			}
			return c.prove(keys)
		})
		trust.settle(t.Context())
		if after, err := os.ReadFile(file); err != nil || string(after) != c.after {
			t.Errorf("%s: known_hosts is %q, %v", c.name, after, err)
		}
	}
}

// A session's end waits for proofs that are under way, and no longer than it must.
func TestSettleWaits(t *testing.T) {
	plan, file := trustPlan(t, keyLine(t, "web", 1))
	plan.UpdateHostKeys = "yes"
	trust, _, _, err := check(t, plan, "10.1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	trust.settle(t.Context()) // the server has told nothing
	proving := make(chan struct{})
	go trust.Learn([]ssh.PublicKey{testKey(t, 1), testKey(t, 3)}, func(keys []ssh.PublicKey) ([]ssh.PublicKey, error) {
		close(proving)
		return keys, nil
	})
	<-proving
	trust.settle(t.Context())
	if after, err := os.ReadFile(file); err != nil || string(after) != keyLine(t, "web", 1)+keyLine(t, "web", 3) {
		t.Errorf("known_hosts is %q, %v", after, err)
	}
}
