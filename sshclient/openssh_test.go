//go:build unix

package sshclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// sshd is OpenSSH's server, with a host key of each kind, and the key that it lets in.
type sshd struct {
	*sshtest.Inetd
	authorized string // the file
	user       string
	hostKeys   []testKey
	login      testKey
}

func newSSHD(t *testing.T, settings ...string) *sshd {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &sshd{user: me.Username, login: newTestKey(t, "ed25519")}
	server := sshtest.OpenSSH{
		Dir: t.TempDir(), AuthorizedKeys: []ssh.PublicKey{s.login.public},
		// A port that it chooses is free at one of its addresses only.
		Settings: append(settings, "AcceptEnv LC_*", "AddressFamily inet"),
	}
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		key := newTestKey(t, kind)
		s.hostKeys = append(s.hostKeys, key)
		server.HostKeys = append(server.HostKeys, key.private)
	}
	s.Inetd, err = server.Prepare()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	s.Stderr, s.authorized = log, server.AuthorizedKeysFile()
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Logf("sshd said:\n%s", log.String())
		}
	})
	return s
}

// dial starts sshd for one connection. It ends with the connection.
func (s *sshd) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// settings returns a configuration that logs in.
func (s *sshd) settings(t *testing.T) Config {
	t.Helper()
	return Config{
		User: s.user, Host: "sshd", Trust: TrustKeys(s.hostKeys[0].public),
		Auth: Auth{Identities: []Identity{{Path: s.login.write(t, t.TempDir(), "key", "")}}},
	}
}

func (s *sshd) connect(t *testing.T, config Config) *Client {
	t.Helper()
	client, err := Handshake(t.Context(), s.dial(t), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestOpenSSH(t *testing.T) {
	server := newSSHD(t)
	client := server.connect(t, server.settings(t))
	testCommands(t, client)
	t.Run("closed stdout", func(t *testing.T) { testClosedStdout(t, client) })
	t.Run("shell", func(t *testing.T) {
		stdout, _, result := execute(t, client, Command{}, strings.NewReader("echo from shell; exit 4\n"))
		if !strings.Contains(stdout, "from shell\n") || result.Status != 4 {
			t.Errorf("output %q, %+v", stdout, result)
		}
	})
	t.Run("environment", func(t *testing.T) {
		stdout, _, _ := execute(t, client, Command{Exec: `echo "$LC_A $LC_B"`, Env: []string{"LC_A=1", "LC_B=2", "OTHER=3"}}, nil)
		if stdout != "1 2\n" {
			t.Errorf("output %q", stdout)
		}
	})
	t.Run("signal on request", func(t *testing.T) {
		if server.user == "root" {
			t.Skip("sshd takes signals only through its privilege separation, which root's sessions have none of")
		}
		session, err := client.Start(t.Context(), Command{Exec: "echo ready; exec sleep 1000"})
		if err != nil {
			t.Fatal(err)
		}
		var out lockedBuffer
		out.onText("ready", func() { session.Signal("TERM") })
		if result := session.Run(Streams{Stdout: &out}); result.Signal != "TERM" {
			t.Errorf("%+v", result)
		}
	})
	t.Run("input not wanted", func(t *testing.T) {
		// sshd says eow@openssh.com: the command has closed its input and lives on.
		stdin := &stdinStub{stop: make(chan struct{})}
		_, _, result := execute(t, client, Command{Exec: "exec <&-; sleep 0.2; exit 6"}, stdin)
		if result.Status != 6 {
			t.Errorf("%+v", result)
		}
	})
}

func TestOpenSSHTerminal(t *testing.T) {
	server := newSSHD(t)
	if server.user != "root" && !terminalsBelongToTTY(t) {
		t.Skip("sshd must hand its terminals to the group tty, which needs root where devpts does not do it")
	}
	client := server.connect(t, server.settings(t))
	modes := []byte{3, 0, 0, 0, 8, 53, 0, 0, 0, 0, 0} // ERASE is ^H, ECHO is off
	pty := &PTY{Term: "vt220", Size: Size{Columns: 91, Rows: 37}, Modes: modes}
	stdout, _, _ := execute(t, client, Command{Exec: "stty -a; echo $TERM", PTY: pty}, nil)
	for _, want := range []string{"rows 37", "columns 91", "erase = ^H", "-echo ", "vt220"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in %q", want, stdout)
		}
	}
}

// terminalsBelongToTTY says whether new terminals have the group that sshd wants.
func terminalsBelongToTTY(t *testing.T) bool {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	info, err := slave.Stat()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroup("tty")
	return err == nil && fmt.Sprint(info.Sys().(*syscall.Stat_t).Gid) == group.Gid
}

// The server exchanges keys every megabyte, while sessions come and go; the host key
// is asked about once.
func TestOpenSSHRekeys(t *testing.T) {
	server := newSSHD(t, "RekeyLimit 1M")
	config := server.settings(t)
	trust := &fakeTrust{}
	log := &logRecorder{}
	config.Trust, config.Log = trust, log.add
	client := server.connect(t, config)
	var sessions sync.WaitGroup
	for range 4 {
		sessions.Go(func() {
			for range 2 {
				testBulk(t, client, 1<<20)
			}
		})
	}
	sessions.Wait()
	testBulk(t, client, 8<<20)
	if trust.asked != 1 {
		t.Errorf("host key was asked about %d times", trust.asked)
	}
	n := log.count("SSH2_MSG_NEWKEYS sent")
	if agreed := log.count("kex: algorithm: mlkem768x25519-sha256") + log.count("kex: algorithm: curve25519-sha256"); n < 5 || agreed != n {
		t.Errorf("%d key exchanges, %d were told of", n, agreed)
	}
}

// One session may have the client ask for new keys.
func TestOpenSSHClientRekeys(t *testing.T) {
	server := newSSHD(t)
	config := server.settings(t)
	log := &logRecorder{}
	config.Log, config.RekeyBytes = log.add, 1<<20
	testBulk(t, server.connect(t, config), 12<<20)
	if n := log.count("SSH2_MSG_NEWKEYS sent"); n < 5 {
		t.Errorf("%d key exchanges", n)
	}
}

func TestOpenSSHAuthentication(t *testing.T) {
	ca := sshtest.NewKey()
	caFile := writeFile(t, t.TempDir(), "ca.pub", ssh.MarshalAuthorizedKey(ca.PublicKey()))
	server := newSSHD(t, "TrustedUserCAKeys "+caFile)
	dir := t.TempDir()
	rsaKey := newTestKey(t, "rsa")
	rsaServer := newSSHD(t)
	rsaServer.login = rsaKey
	appendLine(t, rsaServer.authorized, ssh.MarshalAuthorizedKey(rsaKey.public))

	stranger := newTestKey(t, "ed25519")
	strangerFile := stranger.write(t, dir, "stranger", "")
	certified := newTestKey(t, "ed25519")
	certifiedFile := certified.write(t, dir, "certified", "")
	writeFile(t, dir, "certified-cert.pub", ssh.MarshalAuthorizedKey(certify(t, ca, certified.public, server.user)))
	loginPub := server.login.writePublic(t, dir, "login.pub")
	sock := realAgent(t, stranger, server.login)

	for _, test := range []struct {
		name   string
		server *sshd
		auth   Auth
		denied bool
	}{
		{name: "wrong key", auth: Auth{Identities: []Identity{{Path: strangerFile}}}, denied: true},
		{name: "wrong key, then the right one", auth: Auth{Identities: []Identity{{Path: strangerFile}, {Path: server.login.write(t, dir, "right", "")}}}},
		{name: "certificate", auth: Auth{Identities: []Identity{{Path: certifiedFile}}}},
		{name: "RSA", server: rsaServer, auth: Auth{Identities: []Identity{{Path: rsaKey.write(t, dir, "rsa", "")}}}},
		{name: "agent", auth: Auth{AgentPath: sock}},
		{name: "agent, key named", auth: Auth{AgentPath: sock, IdentitiesOnly: true, Identities: []Identity{{Path: loginPub}}}},
		{name: "agent, no key allowed", auth: Auth{AgentPath: sock, IdentitiesOnly: true}, denied: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.server == nil {
				test.server = server
			}
			config := test.server.settings(t)
			config.Auth = test.auth
			client, err := Handshake(t.Context(), test.server.dial(t), config)
			if err == nil {
				client.Close()
			}
			denied, _ := errors.AsType[*AuthError](err)
			if (denied != nil) != test.denied || err != nil && denied == nil {
				t.Errorf("error %v", err)
			}
			if denied != nil && !strings.HasSuffix(denied.Error(), "@sshd: Permission denied (publickey).") {
				t.Errorf("error %q", denied)
			}
		})
	}
}

// A key that its agent may use for one host only serves there, since the agent is told
// whom it is used for; and a forwarded agent can be used.
func TestOpenSSHAgent(t *testing.T) {
	server, other := newSSHD(t), newSSHD(t)
	dir := t.TempDir()
	var known []byte
	for _, key := range server.hostKeys {
		known = append(known, "sshd "+string(ssh.MarshalAuthorizedKey(key.public))...)
	}
	knownFile := writeFile(t, dir, "known", known)
	sock := realAgent(t)
	key := server.login.write(t, dir, "constrained", "")
	appendLine(t, other.authorized, ssh.MarshalAuthorizedKey(server.login.public))
	add := exec.Command("ssh-add", "-q", "-H", knownFile, "-h", "sshd", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+sock)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v\n%s", err, out)
	}
	config := server.settings(t)
	config.Auth = Auth{AgentPath: sock}
	client := server.connect(t, config)
	if stdout, _, _ := execute(t, client, Command{Exec: "echo ${SSH_AUTH_SOCK:-none}"}, nil); stdout != "none\n" {
		t.Errorf("an agent was forwarded unasked: %s", stdout)
	}
	elsewhere := other.settings(t)
	elsewhere.Auth = Auth{AgentPath: sock}
	if _, err := Handshake(t.Context(), other.dial(t), elsewhere); err == nil {
		t.Error("the key served another host")
	}

	config = server.settings(t)
	config.ForwardAgent = realAgent(t, newTestKey(t, "ed25519"))
	client = server.connect(t, config)
	stdout, _, result := execute(t, client, Command{Exec: "ssh-add -l; ssh-add -l"}, nil)
	if strings.Count(stdout, "ED25519") != 2 || result.Status != 0 {
		t.Errorf("forwarded agent: %q, %+v", stdout, result)
	}
}

// certify makes a user certificate.
func certify(t *testing.T, ca ssh.Signer, key ssh.PublicKey, principal string) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{
		Key: key, CertType: ssh.UserCert, ValidPrincipals: []string{principal},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	return cert
}

func appendLine(t *testing.T, path string, line []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(line); err != nil {
		t.Fatal(err)
	}
}

// realAgent runs OpenSSH's ssh-agent with some keys in it.
func realAgent(t *testing.T, keys ...testKey) (sock string) {
	t.Helper()
	program, err := exec.LookPath("ssh-agent")
	if err != nil {
		t.Skipf("OpenSSH's ssh-agent is not installed: %v", err)
	}
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	sock = filepath.Join(dir, "sock")
	agent := exec.Command(program, "-D", "-a", sock)
	said, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		agent.Process.Kill()
		agent.Wait()
		os.RemoveAll(dir)
	})
	said.Read(make([]byte, 1)) // it says where it listens when it does
	for i, key := range keys {
		add := exec.Command("ssh-add", "-q", key.write(t, dir, fmt.Sprint("key", i), ""))
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+sock)
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("ssh-add: %v\n%s", err, out)
		}
	}
	return sock
}

func TestOpenSSHHostKeyRefused(t *testing.T) {
	server := newSSHD(t)
	config := server.settings(t)
	config.Trust = TrustKeys(newTestKey(t, "ed25519").public)
	_, err := Handshake(t.Context(), server.dial(t), config)
	refused, ok := errors.AsType[*UnknownHostKeyError](err)
	if !ok || !bytes.Equal(refused.Key.Marshal(), server.hostKeys[0].public.Marshal()) {
		t.Errorf("error %v", err)
	}
}

// learner is a HostTrust that has all offered keys proved.
type learner struct {
	fakeTrust
	learned chan []ssh.PublicKey // those that were proved
	proof   error
}

func (l *learner) Learn(keys []ssh.PublicKey, prove func([]ssh.PublicKey) ([]ssh.PublicKey, error)) {
	keys, l.proof = prove(keys)
	l.learned <- keys
}

func TestOpenSSHHostKeysAreLearned(t *testing.T) {
	server := newSSHD(t)
	config := server.settings(t)
	trust := &learner{learned: make(chan []ssh.PublicKey, 1)}
	config.Trust = trust
	server.connect(t, config)
	keys := <-trust.learned
	if len(keys) != len(server.hostKeys) || trust.proof != nil {
		t.Fatalf("%d keys, proof %v", len(keys), trust.proof)
	}
	for _, want := range server.hostKeys {
		if !slices.ContainsFunc(keys, func(key ssh.PublicKey) bool { return bytes.Equal(key.Marshal(), want.public.Marshal()) }) {
			t.Errorf("no %s", want.public.Type())
		}
	}
}

func TestOpenSSHDegradedLearnsNothing(t *testing.T) {
	server := newSSHD(t)
	config := server.settings(t)
	trust := &learner{learned: make(chan []ssh.PublicKey, 1)}
	trust.verdict.Degraded = true
	config.Trust = trust
	client := server.connect(t, config)
	execute(t, client, Command{Exec: "true"}, nil) // what sshd sends after logging in has come
	if !client.Verdict().Degraded || len(trust.learned) > 0 {
		t.Errorf("verdict %+v, learned %d", client.Verdict(), len(trust.learned))
	}
}

func TestOpenSSHServerEnds(t *testing.T) {
	server := newSSHD(t)
	client := server.connect(t, server.settings(t))
	// Not before the session has begun for us too.
	_, _, result := execute(t, client, Command{Exec: "read go; kill -KILL $PPID"}, strings.NewReader("go\n"))
	if result.Lost == nil || errors.Is(result.Lost, ErrNoStatus) || errors.Is(result.Lost, ErrClosed) {
		t.Errorf("%+v", result)
	}
	<-client.Done()
}

// A context that ends while sshd waits for an answer ends Handshake.
func TestOpenSSHHandshakeCanceled(t *testing.T) {
	server := newSSHD(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("user gave up")
	config := server.settings(t)
	config.Auth = Auth{
		Identities: []Identity{{Path: server.login.write(t, t.TempDir(), "locked", "passphrase")}},
		Ask: func(ctx context.Context, _ string, _ bool) (string, error) {
			cancel(reason)
			<-ctx.Done()
			return "", ctx.Err()
		},
	}
	if _, err := Handshake(ctx, server.dial(t), config); !errors.Is(err, reason) {
		t.Errorf("error %v", err)
	}
}
