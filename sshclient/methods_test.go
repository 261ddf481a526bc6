package sshclient

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

const (
	passwordPrompt = "alice@lab's password: "
	codePrompt     = "(alice@lab) Code: "
)

// withAll is a server that takes a password, and asks two questions.
func withAll(s *sshtest.Server) {
	s.Password = "secret"
	s.Instruction = "Prove it.\nTwice.\x1b[2J"
	s.Questions = []sshtest.Question{{Text: "Code: ", Answer: "123"}, {Text: "Colour: ", Answer: "red", Echo: true}}
}

func stepwise(steps ...string) func(*sshtest.Server) {
	return func(s *sshtest.Server) { withAll(s); s.Steps = steps }
}

func TestMethods(t *testing.T) {
	key, other := newTestKey(t, "ed25519"), newTestKey(t, "ed25519")
	dir := t.TempDir()
	keyFile, otherFile := key.write(t, dir, "key", ""), other.write(t, dir, "other", "")
	colour := "(alice@lab) Colour: (echo)"
	for _, test := range []struct {
		name       string
		server     func(*sshtest.Server)
		auth       Auth
		identities []string
		answers    []string
		degraded   bool
		prompts    []string
		offered    []string
		login      bool
	}{
		{name: "password", server: func(s *sshtest.Server) { s.Password = "secret" }, answers: []string{"secret"}, prompts: []string{passwordPrompt}, login: true},
		{name: "third password", server: func(s *sshtest.Server) { s.Password = "secret" }, answers: []string{"a", "", "secret"},
			prompts: []string{passwordPrompt, passwordPrompt, passwordPrompt}, login: true},
		{name: "three wrong passwords", server: func(s *sshtest.Server) { s.Password = "secret" }, answers: []string{"a", "b", "c", "secret"},
			prompts: []string{passwordPrompt, passwordPrompt, passwordPrompt}},
		{name: "one prompt only", server: func(s *sshtest.Server) { s.Password = "secret" }, auth: Auth{MaxPrompts: 1}, answers: []string{"a", "secret"},
			prompts: []string{passwordPrompt}},
		{name: "nobody there to answer", server: func(s *sshtest.Server) { s.Password = "secret" }, prompts: []string{passwordPrompt}},
		{name: "batch mode", server: withAll, auth: Auth{BatchMode: true}, answers: []string{"secret"}},
		{name: "name in prompts", server: func(s *sshtest.Server) { s.Password = "secret" }, auth: Auth{PromptHost: "alias"}, answers: []string{"secret"},
			prompts: []string{"alice@alias's password: "}, login: true},
		{name: "questions before password", server: withAll, answers: []string{"123", "red"}, prompts: []string{codePrompt, colour}, login: true},
		{name: "wrong answers, then password", server: withAll, auth: Auth{MaxPrompts: 1}, answers: []string{"1", "blue", "secret"},
			prompts: []string{codePrompt, colour, passwordPrompt}, login: true},
		{name: "questions given up", server: withAll, answers: nil, prompts: []string{codePrompt, passwordPrompt}},
		{name: "questions that are none", server: func(s *sshtest.Server) { s.Methods = []string{"keyboard-interactive"} }, answers: []string{"x"}},
		{name: "preferred order", server: withAll, auth: Auth{Methods: []string{"hostbased", "password", "publickey"}}, answers: []string{"secret"},
			prompts: []string{passwordPrompt}, login: true},
		{name: "preferred only", server: withAll, auth: Auth{Methods: []string{"publickey"}}, answers: []string{"secret"}},
		{name: "degraded", server: withAll, degraded: true, answers: []string{"secret"}},
		{name: "degraded, key", server: withAll, degraded: true, identities: []string{keyFile}, offered: []string{keyFile}, login: true},
		{name: "keys first", server: withAll, identities: []string{otherFile}, answers: []string{"123", "red"}, prompts: []string{codePrompt, colour},
			offered: []string{otherFile}, login: true},
		{name: "key, then password", server: stepwise("publickey", "password"), identities: []string{keyFile}, answers: []string{"secret"},
			prompts: []string{passwordPrompt}, offered: []string{keyFile}, login: true},
		{name: "password, then key", server: stepwise("password", "publickey"), identities: []string{keyFile}, answers: []string{"secret"},
			prompts: []string{passwordPrompt}, offered: []string{keyFile}, login: true},
		{name: "key, then questions", server: stepwise("publickey", "keyboard-interactive"), identities: []string{otherFile, keyFile}, answers: []string{"123", "red"},
			prompts: []string{codePrompt, colour}, offered: []string{otherFile, keyFile}, login: true},
		{name: "another key as second step", server: stepwise("publickey", "publickey"), identities: []string{keyFile, otherFile},
			offered: []string{keyFile, otherFile}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &attempt{allowed: []testKey{key}, auth: test.auth, answers: test.answers, server: test.server}
			if test.degraded {
				a.trust = &fakeTrust{verdict: Verdict{Degraded: true}}
			}
			for _, path := range test.identities {
				a.auth.Identities = append(a.auth.Identities, Identity{Path: path})
			}
			a.run(t)
			if (a.err == nil) != test.login {
				t.Errorf("error %v", a.err)
			}
			if !slices.Equal(a.prompts, test.prompts) {
				t.Errorf("asked %q, want %q", a.prompts, test.prompts)
			}
			if !slices.Equal(a.offered(), test.offered) {
				t.Errorf("offered %q, want %q", a.offered(), test.offered)
			}
		})
	}
}

// What is said around the questions is ssh's.
func TestMethodsLog(t *testing.T) {
	key := newTestKey(t, "ed25519")
	a := &attempt{allowed: []testKey{key}, server: withAll, answers: []string{"1", "2", "123", "red"}, auth: Auth{Methods: []string{"keyboard-interactive"}}}
	a.run(t)
	for _, want := range []string{"Prove it.", `Twice.\033[2J`, "Next authentication method: keyboard-interactive", "Authentications that can continue: password,publickey,keyboard-interactive"} {
		if !a.log.has(want) {
			t.Errorf("no %q in %q", want, a.log.lines)
		}
	}
	a = &attempt{server: func(s *sshtest.Server) { s.Password = "secret" }, answers: []string{"1", "secret"}}
	a.run(t)
	if !a.log.has("Permission denied, please try again.") {
		t.Errorf("no second try in %q", a.log.lines)
	}
	a = &attempt{allowed: []testKey{key}, server: stepwise("publickey", "password"), answers: []string{"secret"},
		auth: Auth{Identities: []Identity{{Path: key.write(t, t.TempDir(), "key", "")}}}}
	a.run(t)
	if !a.log.has(`Authenticated using "publickey" with partial success.`) || !a.log.has(`Authenticated to lab (via proxy) using "password".`) {
		t.Errorf("no steps in %q", a.log.lines)
	}
}

// A server that has left is not answered: nobody is asked for a password then.
func TestNoQuestionForTheDead(t *testing.T) {
	server := sshtest.NewServer()
	server.Password = "secret"
	config := labConfig(server)
	asked := 0
	conn := server.Dial()
	config.Auth.Ask = func(_ context.Context, _ string, _ bool) (string, error) {
		asked++
		server.Close()
		return "wrong", nil
	}
	if _, err := Handshake(t.Context(), conn, config); err == nil || asked != 1 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	ca, err := ssh.NewSignerFromKey(newTestKey(t, "ed25519").private)
	if err != nil {
		t.Fatal(err)
	}
	key, held, rsaKey := newTestKey(t, "ed25519"), newTestKey(t, "ed25519"), newTestKey(t, "rsa")
	makeCert := func(name string, k testKey, kind uint32) (string, testKey) {
		cert := &ssh.Certificate{Key: k.public, CertType: kind, ValidBefore: uint64(time.Now().Add(time.Hour).Unix())}
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		return writeFile(t, dir, name, ssh.MarshalAuthorizedKey(cert)), testKey{public: cert}
	}
	keyFile, rsaFile := key.write(t, dir, "key", ""), rsaKey.write(t, dir, "rsa", "")
	locked := held.write(t, dir, "locked", "never asked for")
	certFile, cert := makeCert("elsewhere", key, ssh.UserCert)
	heldFile, heldCert := makeCert("locked-cert.pub", held, ssh.UserCert)
	_, rsaCert := makeCert("rsa-cert.pub", rsaKey, ssh.UserCert)
	hostFile, _ := makeCert("host", key, ssh.HostCert)
	sock := newTestAgent(t, held).path
	for _, test := range []struct {
		name    string
		auth    Auth
		allowed testKey
		login   bool
		offered int
	}{
		{name: "CertificateFile and its key", auth: Auth{Certificates: []string{certFile}, Identities: []Identity{{Path: keyFile}}}, allowed: cert, login: true, offered: 1},
		{name: "CertificateFile without its key", auth: Auth{Certificates: []string{certFile}}, allowed: cert},
		{name: "CertificateFile of a host", auth: Auth{Certificates: []string{hostFile}}, allowed: cert},
		{name: "certificate as identity", auth: Auth{Identities: []Identity{{Path: certFile}, {Path: keyFile}}}, allowed: cert, login: true, offered: 1},
		{name: "key in the agent", auth: Auth{AgentPath: sock, Certificates: []string{heldFile}}, allowed: heldCert, login: true, offered: 1},
		{name: "beside the key, that in the agent", auth: Auth{AgentPath: sock, Identities: []Identity{{Path: locked}}}, allowed: heldCert, login: true, offered: 2},
		{name: "not beside when others are named", auth: Auth{Certificates: []string{certFile}, Identities: []Identity{{Path: rsaFile}}}, allowed: rsaCert, offered: 1},
		{name: "RSA", auth: Auth{Identities: []Identity{{Path: rsaFile}}}, allowed: rsaCert, login: true, offered: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &attempt{allowed: []testKey{test.allowed}, auth: test.auth}
			a.run(t)
			if (a.err == nil) != test.login || len(a.offered()) != test.offered {
				t.Errorf("error %v, offered %q", a.err, a.offered())
			}
		})
	}
}

func TestAcceptedAlgorithms(t *testing.T) {
	ed, rsaKey := newTestKey(t, "ed25519"), newTestKey(t, "rsa")
	dir := t.TempDir()
	identities := []Identity{{Path: ed.write(t, dir, "ed", "")}, {Path: rsaKey.write(t, dir, "rsa", "")}}
	for _, test := range []struct {
		accepted string
		bits     int
		offered  []string
		bad      bool
	}{
		{accepted: "", offered: []string{"ed", "rsa"}},
		{accepted: "rsa-sha2-256", offered: []string{"rsa"}},
		{accepted: "-ssh-ed25519", offered: []string{"rsa"}},
		{accepted: "-rsa-*", offered: []string{"ed"}},
		{accepted: "ssh-rsa", offered: []string{"rsa"}},
		{accepted: "ssh-ed25519-cert-v01@openssh.com"},
		{bits: 2048, offered: []string{"ed", "rsa"}},
		{bits: 4096, offered: []string{"ed"}},
		{accepted: "unheard-of", bad: true},
	} {
		a := &attempt{auth: Auth{AcceptedAlgorithms: test.accepted, MinRSABits: test.bits, Identities: identities}}
		a.run(t)
		var offered []string
		for _, path := range a.offered() {
			offered = append(offered, strings.TrimPrefix(path, dir+"/"))
		}
		_, bad := errors.AsType[*AlgorithmsError](a.err)
		if !slices.Equal(offered, test.offered) || bad != test.bad {
			t.Errorf("%q, %d bits: offered %q, want %q; %v", test.accepted, test.bits, offered, test.offered, a.err)
		}
	}
}

func TestAddToAgent(t *testing.T) {
	key := newTestKey(t, "ed25519")
	dir := t.TempDir()
	plain, locked := key.write(t, dir, "plain", ""), key.write(t, dir, "locked", "passphrase")
	question := "Add key " + plain + " (" + plain + ") to agent?(echo)"
	for _, test := range []struct {
		name    string
		path    string
		how     AddToAgent
		answers []string
		prompts []string
		held    int
	}{
		{name: "no", path: plain},
		{name: "yes", path: locked, how: AddToAgent{Add: true}, answers: []string{"passphrase"}, prompts: []string{"Enter passphrase for key '" + locked + "': "}, held: 1},
		{name: "a while", path: plain, how: AddToAgent{Add: true, Lifetime: time.Hour}, held: 1},
		{name: "asked, yes", path: plain, how: AddToAgent{Add: true, Ask: true}, answers: []string{"yes"}, prompts: []string{question}, held: 1},
		{name: "asked, no", path: plain, how: AddToAgent{Add: true, Ask: true}, answers: []string{"no"}, prompts: []string{question}},
	} {
		t.Run(test.name, func(t *testing.T) {
			held := newTestAgent(t)
			a := &attempt{allowed: []testKey{key}, answers: test.answers, auth: Auth{AgentPath: held.path, AddToAgent: test.how, Identities: []Identity{{Path: test.path}}}}
			a.run(t)
			keys, err := held.List()
			if err != nil || len(keys) != test.held || !a.loggedInWith(key) || !slices.Equal(a.prompts, test.prompts) {
				t.Errorf("%d keys, asked %q, %v %v", len(keys), a.prompts, a.err, err)
			}
		})
	}
}
