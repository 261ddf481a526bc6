package sshclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// testKey is a private key in all the forms that tests need.
type testKey struct {
	private any
	public  ssh.PublicKey
}

// rsaKey is made once, because that takes its time.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newTestKey(t *testing.T, kind string) testKey {
	t.Helper()
	var private any
	var err error
	switch kind {
	case "ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "rsa":
		private, err = rsaKey()
	case "ecdsa":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{private, signer.PublicKey()}
}

// write writes the key as name into dir, encrypted if there is a passphrase: by ssh-keygen,
// which can do with one round of derivation. Ours make seconds under the race detector.
func (k testKey) write(t *testing.T, dir, name, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(k.private, "")
	if err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, dir, name, pem.EncodeToMemory(block))
	if passphrase != "" {
		if out, err := exec.Command("ssh-keygen", "-q", "-p", "-a", "1", "-P", "", "-N", passphrase, "-f", path).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen is needed, to encrypt a key: %v\n%s", err, out)
		}
	}
	return path
}

func (k testKey) writePublic(t *testing.T, dir, name string) string {
	t.Helper()
	return writeFile(t, dir, name, ssh.MarshalAuthorizedKey(k.public))
}

func writeFile(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// legacyPEM is the key in the old format whose encryption hides the public half too.
func (k testKey) legacyPEM(t *testing.T, passphrase string) []byte {
	t.Helper()
	der := x509.MarshalPKCS1PrivateKey(k.private.(*rsa.PrivateKey))
	//lint:ignore SA1019 such files are still around
	block, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", der, []byte(passphrase), x509.PEMCipherAES128)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

// testAgent is an ssh-agent on a socket; keys in refuse are listed, and not signed with.
type testAgent struct {
	agent.ExtendedAgent
	refuse ssh.PublicKey
	path   string
	work   sync.WaitGroup
}

func newTestAgent(t *testing.T, keys ...testKey) *testAgent {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // t.TempDir's names are too long for a socket on some systems
	if err != nil {
		t.Fatal(err)
	}
	a := &testAgent{ExtendedAgent: agent.NewKeyring().(agent.ExtendedAgent), path: filepath.Join(dir, "sock")}
	for i, key := range keys {
		if err := a.Add(agent.AddedKey{PrivateKey: key.private, Comment: "held" + string(rune('0'+i))}); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("unix", a.path)
	if err != nil {
		t.Fatal(err)
	}
	a.work.Add(1)
	go a.serve(listener)
	t.Cleanup(func() {
		listener.Close()
		a.work.Wait()
		os.RemoveAll(dir)
	})
	return a
}

func (a *testAgent) serve(listener net.Listener) {
	defer a.work.Done()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		a.work.Go(func() { agent.ServeAgent(a, conn); conn.Close() })
	}
}

func (a *testAgent) SignWithFlags(key ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	if a.refuse != nil && string(key.Marshal()) == string(a.refuse.Marshal()) {
		return nil, errors.New("refused")
	}
	return a.ExtendedAgent.SignWithFlags(key, data, flags)
}

// attempt is one authentication, and what came of it.
type attempt struct {
	auth    Auth
	allowed []testKey
	answers []string // to what is asked
	prompts []string
	logins  []sshtest.Login
	log     *logRecorder
	tried   []Tried
	err     error
	server  func(*sshtest.Server)
	trust   HostTrust
}

func (a *attempt) ask(_ context.Context, prompt string, echo bool) (string, error) {
	if echo {
		prompt += "(echo)"
	}
	a.prompts = append(a.prompts, prompt)
	if len(a.answers) == 0 {
		return "", errors.New("user gave up")
	}
	answer := a.answers[0]
	a.answers = a.answers[1:]
	return answer, nil
}

func (a *attempt) run(t *testing.T) {
	t.Helper()
	server := sshtest.NewServer()
	for _, key := range a.allowed {
		server.AuthorizedKeys = append(server.AuthorizedKeys, key.public)
	}
	if a.server != nil {
		a.server(server)
	}
	a.log = &logRecorder{}
	a.auth.Ask = a.ask
	config := labConfig(server)
	if a.trust != nil {
		config.Trust = a.trust
	}
	config.Auth, config.Log = a.auth, a.log.add
	client, err := Handshake(t.Context(), server.Dial(), config)
	a.err = err
	if denied, ok := errors.AsType[*AuthError](err); ok {
		a.tried = denied.Tried
	}
	if err == nil {
		client.Close()
	}
	server.Close() // which is when all logins are noted
	a.logins = server.Logins()
}

func (a *attempt) loggedInWith(key testKey) bool {
	return a.err == nil && len(a.logins) == 1 && string(a.logins[0].Key.Marshal()) == string(key.public.Marshal())
}

// offered lists the sources of the keys that the server was asked about.
func (a *attempt) offered() []string {
	var sources []string
	for _, line := range a.log.lines {
		if rest, ok := strings.CutPrefix(line, "Offering public key: "); ok {
			sources = append(sources, strings.Fields(rest)[0])
		}
	}
	return sources
}

func TestKeyFormats(t *testing.T) {
	dir := t.TempDir()
	rsaKey := newTestKey(t, "rsa")
	for _, test := range []struct {
		name, path string
		key        testKey
	}{
		{name: "ed25519", key: newTestKey(t, "ed25519")},
		{name: "ecdsa", key: newTestKey(t, "ecdsa")},
		{name: "rsa", key: rsaKey},
		{name: "PEM", key: rsaKey, path: writeFile(t, dir, "pem", pem.EncodeToMemory(&pem.Block{
			Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey.private.(*rsa.PrivateKey)),
		}))},
	} {
		if test.path == "" {
			test.path = test.key.write(t, dir, test.name, "")
		}
		a := &attempt{allowed: []testKey{test.key}, auth: Auth{Identities: []Identity{{Path: test.path}}}}
		if a.run(t); !a.loggedInWith(test.key) {
			t.Errorf("%s: %v", test.name, a.err)
		}
	}
}

// A passphrase is asked for when the server has accepted the key, and not before.
func TestPassphrases(t *testing.T) {
	dir := t.TempDir()
	key, other, old := newTestKey(t, "ed25519"), newTestKey(t, "ed25519"), newTestKey(t, "rsa")
	modern := key.write(t, dir, "modern", "open sesame")
	plain := key.write(t, dir, "plain", "")
	unwanted := other.write(t, dir, "unwanted", "never asked")
	bare := writeFile(t, dir, "bare", old.legacyPEM(t, "old"))
	locked := writeFile(t, dir, "locked", old.legacyPEM(t, "old"))
	old.writePublic(t, dir, "locked.pub")
	ask := func(path string) string { return "Enter passphrase for key '" + path + "': " }

	for _, test := range []struct {
		name       string
		identities []string
		answers    []string
		batch      bool
		login      *testKey
		prompts    []string
	}{
		{name: "only of the accepted key", identities: []string{unwanted, modern}, answers: []string{"open sesame"}, login: &key, prompts: []string{ask(modern)}},
		{name: "right at last", identities: []string{locked}, answers: []string{"x", "y", "old"}, login: &old, prompts: []string{ask(locked), ask(locked), ask(locked)}},
		{name: "wrong", identities: []string{locked}, answers: []string{"x", "y", "z"}, prompts: []string{ask(locked), ask(locked), ask(locked)}},
		{name: "empty gives up", identities: []string{locked}, answers: []string{""}, prompts: []string{ask(locked)}},
		{name: "error gives up", identities: []string{locked}, prompts: []string{ask(locked)}},
		{name: "batch mode", identities: []string{locked, bare, modern}, batch: true},
		{name: "public half unknown", identities: []string{bare}, answers: []string{"old"}, login: &old, prompts: []string{ask(bare)}},
		{name: "next key after one given up", identities: []string{bare, plain}, answers: []string{""}, login: &key, prompts: []string{ask(bare)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &attempt{allowed: []testKey{key, old}, answers: test.answers, auth: Auth{BatchMode: test.batch}}
			for _, path := range test.identities {
				a.auth.Identities = append(a.auth.Identities, Identity{Path: path})
			}
			a.run(t)
			if test.login == nil && a.err == nil || test.login != nil && !a.loggedInWith(*test.login) {
				t.Errorf("%v, logins %v", a.err, a.logins)
			}
			if !slices.Equal(a.prompts, test.prompts) {
				t.Errorf("asked %q, want %q", a.prompts, test.prompts)
			}
		})
	}
}

func TestMissingFiles(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	for _, explicit := range []bool{false, true} {
		a := &attempt{auth: Auth{Identities: []Identity{{Path: gone, Explicit: explicit}}}}
		a.run(t)
		said := a.log.has("no such identity: " + gone + ": No such file or directory")
		if said != explicit {
			t.Errorf("explicit %t: user is told: %t", explicit, said)
		}
		if (len(a.tried) > 0) != explicit {
			t.Errorf("explicit %t: tried %+v", explicit, a.tried)
		}
	}
}

func TestOpenPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	key := newTestKey(t, "ed25519")
	path := key.write(t, t.TempDir(), "key", "")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	a := &attempt{allowed: []testKey{key}, auth: Auth{Identities: []Identity{{Path: path}}}}
	a.run(t)
	if a.err == nil || len(a.offered()) > 0 {
		t.Errorf("offered %v, error %v", a.offered(), a.err)
	}
	for _, line := range []string{
		"@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @",
		"Permissions 0644 for '" + path + "' are too open.",
		`Load key "` + path + `": bad permissions`,
	} {
		if !a.log.has(line) {
			t.Errorf("no line %q in:\n%s", line, strings.Join(a.log.lines, "\n"))
		}
	}
}

func TestNoKeyFile(t *testing.T) {
	path := writeFile(t, t.TempDir(), "notes", []byte("not a key\n"))
	a := &attempt{auth: Auth{Identities: []Identity{{Path: path}}}}
	a.run(t)
	if len(a.tried) != 1 || !errors.Is(a.tried[0].Err, errInvalidFormat) {
		t.Errorf("tried %+v", a.tried)
	}
}

func TestAgent(t *testing.T) {
	dir := t.TempDir()
	named, extra, onDisk, rsaKey := newTestKey(t, "ed25519"), newTestKey(t, "ed25519"), newTestKey(t, "ed25519"), newTestKey(t, "rsa")
	namedPub := named.writePublic(t, dir, "named.pub")
	leftBehind := filepath.Join(dir, "named") // only its public half exists
	disk := onDisk.write(t, dir, "disk", "")
	sock := newTestAgent(t, extra, named, rsaKey).path

	for _, test := range []struct {
		name       string
		identities []string
		only       bool
		allowed    testKey
		offered    []string
	}{
		{name: "any key", allowed: extra, offered: []string{"held0"}},
		{name: "RSA with SHA-2", allowed: rsaKey, offered: []string{"held0", "held1", "held2"}},
		{name: "named by public key", identities: []string{namedPub}, allowed: named, offered: []string{namedPub}},
		{name: "named by a missing file", identities: []string{leftBehind}, allowed: named, offered: []string{leftBehind}},
		{name: "file after agent", identities: []string{disk}, allowed: onDisk, offered: []string{"held0", "held1", "held2", disk}},
		{name: "identities only", identities: []string{disk, namedPub}, only: true, allowed: onDisk, offered: []string{namedPub, disk}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &attempt{allowed: []testKey{test.allowed}, auth: Auth{AgentPath: sock, IdentitiesOnly: test.only}}
			for _, path := range test.identities {
				a.auth.Identities = append(a.auth.Identities, Identity{Path: path})
			}
			if a.run(t); !a.loggedInWith(test.allowed) {
				t.Errorf("%v", a.err)
			}
			if got := a.offered(); !slices.Equal(got, test.offered) {
				t.Errorf("offered %v, want %v", got, test.offered)
			}
		})
	}
}

// A key that the agent refuses to sign with goes on to the next.
func TestAgentRefuses(t *testing.T) {
	first, second := newTestKey(t, "ed25519"), newTestKey(t, "ed25519")
	sock := newTestAgent(t, first, second)
	sock.refuse = first.public
	a := &attempt{allowed: []testKey{first, second}, auth: Auth{AgentPath: sock.path}}
	if a.run(t); !a.loggedInWith(second) {
		t.Error(a.err)
	}
	if !slices.ContainsFunc(a.log.lines, func(line string) bool {
		return strings.HasPrefix(line, `sign_and_send_pubkey: signing failed for ED25519 "held0" from agent: `)
	}) {
		t.Errorf("user is not told:\n%s", strings.Join(a.log.lines, "\n"))
	}
}

func TestNoAgent(t *testing.T) {
	key := newTestKey(t, "ed25519")
	dir := t.TempDir()
	a := &attempt{allowed: []testKey{key}, auth: Auth{
		AgentPath:  filepath.Join(dir, "nobody"),
		Identities: []Identity{{Path: key.write(t, dir, "key", "")}},
	}}
	if a.run(t); !a.loggedInWith(key) {
		t.Error(a.err)
	}
}

func TestPermissionDenied(t *testing.T) {
	key, fresh := newTestKey(t, "ed25519"), newTestKey(t, "ed25519")
	path := key.write(t, t.TempDir(), "key", "")
	a := &attempt{allowed: []testKey{fresh}, auth: Auth{BatchMode: true, Identities: []Identity{{Path: path}}}}
	a.server = func(s *sshtest.Server) { s.Methods = []string{"password"} }
	a.run(t)
	denied, ok := errors.AsType[*AuthError](a.err)
	if !ok {
		t.Fatal(a.err)
	}
	if want := "alice@lab: Permission denied (password,publickey)."; denied.Error() != want {
		t.Errorf("error %q, want %q", denied, want)
	}
	if len(denied.Tried) != 1 || denied.Tried[0].Source != path || denied.Tried[0].Err != nil ||
		string(denied.Tried[0].Key.Marshal()) != string(key.public.Marshal()) {
		t.Errorf("tried %+v", denied.Tried)
	}
}

// Agents hold any number of keys; the attempts are bounded, and the end is clear.
func TestManyKeys(t *testing.T) {
	keys := make([]testKey, 80)
	for i := range keys {
		keys[i] = newTestKey(t, "ed25519")
	}
	a := &attempt{auth: Auth{AgentPath: newTestAgent(t, keys...).path}}
	a.run(t)
	if len(a.tried) != maxOffers {
		t.Errorf("tried %d keys, error %v", len(a.tried), a.err)
	}
}
