package sshclient

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

func TestMain(m *testing.M) {
	os.Unsetenv("SSH_AUTH_SOCK") // of the machine; tests name their own
	goleak.VerifyTestMain(m)
}

// labConfig is a configuration that logs in to a server with AllowAll.
func labConfig(server *sshtest.Server) Config {
	return Config{User: "alice", Host: "lab", Trust: TrustKeys(server.HostKey())}
}

// connect starts the server in memory, logs in, and closes both at the test's end.
func connect(t *testing.T, server *sshtest.Server) *Client {
	t.Helper()
	server.AllowAll = true
	server.Shell = []string{"/bin/sh"}
	t.Cleanup(server.Close)
	client, err := Handshake(t.Context(), server.Dial(), labConfig(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestHandshakeErrors(t *testing.T) {
	refusal := errors.New("not that key")
	for _, test := range []struct {
		name   string
		server func(*sshtest.Server)
		config func(*Config)
		stage  Stage
		want   error
	}{
		{name: "host key refused", stage: StageHostKey, want: refusal,
			config: func(c *Config) { c.Trust = &fakeTrust{refusal: refusal} }},
		{name: "no common cipher", stage: StageKex, want: &NegotiationError{Kind: Ciphers, Offer: []string{"aes128-cbc"}},
			server: func(s *sshtest.Server) { s.Ciphers = []string{"aes128-cbc"} }},
		{name: "no common host key", stage: StageKex, want: &NegotiationError{Kind: HostKeyAlgorithms, Offer: []string{"ssh-ed25519"}},
			config: func(c *Config) { c.Trust = &fakeTrust{algorithms: []string{"rsa-sha2-512"}} }},
		{name: "permission denied", stage: StageAuth, want: &AuthError{},
			server: func(s *sshtest.Server) { s.AllowAll = false }},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := sshtest.NewServer()
			server.AllowAll = true
			if test.server != nil {
				test.server(server)
			}
			defer server.Close()
			config := labConfig(server)
			if test.config != nil {
				test.config(&config)
			}
			_, err := Handshake(t.Context(), server.Dial(), config)
			failed, ok := errors.AsType[*HandshakeError](err)
			if !ok {
				t.Fatalf("error %v is no *HandshakeError", err)
			}
			if failed.Stage != test.stage || failed.Host != "lab" {
				t.Errorf("failed at %q with %q, want %q", failed.Stage, failed.Host, test.stage)
			}
			if !sameError(err, test.want) {
				t.Errorf("error %v is not %T", err, test.want)
			}
		})
	}
}

// sameError says whether want, or an error of its type, is in err's tree.
func sameError(err, want error) bool {
	switch want := want.(type) {
	case *NegotiationError:
		got, ok := errors.AsType[*NegotiationError](err)
		return ok && reflect.DeepEqual(got, want)
	case *AuthError:
		_, ok := errors.AsType[*AuthError](err)
		return ok
	}
	return errors.Is(err, want)
}

// A server that says nothing, or stops in the middle, is left after KexTimeout or
// when the context ends.
func TestHandshakeBounds(t *testing.T) {
	reason := errors.New("user gave up")
	for _, test := range []struct {
		name   string
		says   string
		hangUp bool
		cancel bool
		stage  Stage
		want   error
	}{
		{name: "silent, timeout", stage: StageBanner, want: context.DeadlineExceeded},
		{name: "banner only, timeout", says: "SSH-2.0-stuck\r\n", stage: StageKex, want: context.DeadlineExceeded},
		{name: "hangs up", hangUp: true, stage: StageBanner, want: io.EOF},
		{name: "hangs up after the banner", says: "SSH-2.0-gone\r\n", hangUp: true, stage: StageKex, want: io.EOF},
		{name: "hangs up after other lines", says: "Exceeded MaxStartups\r\n", hangUp: true, stage: StageBanner, want: io.EOF},
		{name: "silent, canceled", cancel: true, stage: StageBanner, want: reason},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, peer := sshtest.Pipe()
				defer peer.Close()
				io.WriteString(peer, test.says)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				config := Config{User: "alice", Host: "lab", Trust: &fakeTrust{}}
				switch {
				case test.cancel:
					time.AfterFunc(time.Minute, func() { cancel(reason) })
				case test.hangUp:
					time.AfterFunc(time.Minute, func() { peer.Close() })
				default:
					config.KexTimeout = time.Minute
				}
				start := time.Now()
				_, err := Handshake(ctx, conn, config)
				failed, ok := errors.AsType[*HandshakeError](err)
				if !ok || failed.Stage != test.stage || !errors.Is(err, test.want) {
					t.Errorf("error %v, want %v at %q", err, test.want, test.stage)
				}
				if lasted := time.Since(start); lasted != time.Minute {
					t.Errorf("lasted %v", lasted)
				}
			})
		})
	}
}

// The time that a user takes to look at a fingerprint is not the server's.
func TestKexTimeoutLeavesTimeForQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sshtest.NewServer()
		server.AllowAll = true
		defer server.Close()
		config := labConfig(server)
		config.Trust = &fakeTrust{thinks: time.Hour}
		config.KexTimeout = time.Second
		client, err := Handshake(t.Context(), server.Dial(), config)
		if err != nil {
			t.Fatal(err)
		}
		client.Close()
	})
}

// fakeTrust accepts every key unless it has a refusal.
type fakeTrust struct {
	algorithms []string
	refusal    error
	verdict    Verdict
	thinks     time.Duration
	asked      int
}

func (f *fakeTrust) Algorithms() []string { return f.algorithms }

func (f *fakeTrust) Check(context.Context, string, net.Addr, ssh.PublicKey) (Verdict, error) {
	f.asked++
	time.Sleep(f.thinks)
	return f.verdict, f.refusal
}

func (f *fakeTrust) Learn([]ssh.PublicKey, func([]ssh.PublicKey) ([]ssh.PublicKey, error)) {}

func TestHostKeyMemo(t *testing.T) {
	first, second := sshtest.NewKey().PublicKey(), sshtest.NewKey().PublicKey()
	trust := &fakeTrust{verdict: Verdict{Degraded: true}}
	memo := &hostKeyMemo{ctx: t.Context(), trust: trust, asking: func(ssh.PublicKey) {}, trusted: func() {}, exchange: func(ssh.PublicKey) {}, taken: func() {}}
	for _, step := range []struct {
		key  ssh.PublicKey
		want error
	}{{first, nil}, {first, nil}, {second, ErrHostKeyChanged}, {first, nil}} {
		if err := memo.check("", nil, step.key); !errors.Is(err, step.want) {
			t.Errorf("check: %v, want %v", err, step.want)
		}
	}
	if _, verdict := memo.accepted(); trust.asked != 1 || !verdict.Degraded {
		t.Errorf("trust was asked %d times, verdict %+v", trust.asked, verdict)
	}
}

func TestUnsupportedAlgorithms(t *testing.T) {
	conn, peer := sshtest.Pipe()
	defer peer.Close()
	_, err := Handshake(t.Context(), conn, Config{Trust: &fakeTrust{}, Ciphers: "none"})
	if bad, ok := errors.AsType[*AlgorithmsError](err); !ok || bad.Kind != Ciphers {
		t.Errorf("error %v", err)
	}
	if n, err := peer.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the server got %d bytes, %v", n, err)
	}
}

func TestBannerIsMadeSafe(t *testing.T) {
	server := sshtest.NewServer()
	server.Banner = "Welcome\r\n\x1b[2J"
	server.AllowAll = true
	defer server.Close()
	config := labConfig(server)
	var banner string
	config.Banner = func(text string) { banner += text }
	client, err := Handshake(t.Context(), server.Dial(), config)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if want := "Welcome\n\\033[2J"; banner != want {
		t.Errorf("banner %q, want %q", banner, want)
	}
}

func TestLogLines(t *testing.T) {
	server := sshtest.NewServer()
	key := sshtest.NewKey()
	server.AuthorizedKeys = []ssh.PublicKey{key.PublicKey()}
	defer server.Close()
	log := &logRecorder{}
	config := labConfig(server)
	config.Log = log.add
	config.MACs = "umac-64@openssh.com,hmac-sha2-256"
	config.Auth.Identities = []Identity{{Signer: key}}
	client, err := Handshake(t.Context(), server.Dial(), config)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	for _, want := range []string{
		"algorithm umac-64@openssh.com is not supported, ignored",
		"Server host key: ssh-ed25519 " + ssh.FingerprintSHA256(server.HostKey()),
		"kex: algorithm: mlkem768x25519-sha256",
		"SSH2_MSG_NEWKEYS sent",
		"Authentications that can continue: publickey",
		"Offering public key: signer ED25519 " + ssh.FingerprintSHA256(key.PublicKey()),
		`Authenticated to lab (via proxy) using "publickey".`,
	} {
		if !log.has(want) {
			t.Errorf("no line %q in:\n%s", want, strings.Join(log.lines, "\n"))
		}
	}
}

func TestClose(t *testing.T) {
	client := connect(t, sshtest.NewServer())
	if err := client.Err(); err != nil {
		t.Errorf("Err of a living connection: %v", err)
	}
	client.Close()
	client.Close()
	<-client.Done()
	if err := client.Err(); err != ErrClosed {
		t.Errorf("Err = %v", err)
	}
	if _, err := client.Start(t.Context(), Command{}); err != ErrClosed {
		t.Errorf("Start after Close: %v", err)
	}
}

func TestServerHangsUp(t *testing.T) {
	server := sshtest.NewServer()
	client := connect(t, server)
	server.Close()
	<-client.Done()
	if err := client.Err(); !errors.Is(err, io.EOF) {
		t.Errorf("Err = %v", err)
	}
}

func TestDefaultsAreOffered(t *testing.T) {
	conf, _, err := (&Config{Trust: &fakeTrust{}}).clientConfig()
	if err != nil {
		t.Fatal(err)
	}
	conf.SetDefaults() // x/crypto drops what it does not know
	for _, list := range []struct {
		kind Kind
		have []string
	}{{KexAlgorithms, conf.KeyExchanges}, {Ciphers, conf.Ciphers}, {MACs, conf.MACs}, {HostKeyAlgorithms, conf.HostKeyAlgorithms}} {
		for _, name := range DefaultAlgorithms(list.kind) {
			if !slices.Contains(list.have, name) {
				t.Errorf("%s: x/crypto does not offer %s", list.kind, name)
			}
		}
	}
	if conf.RekeyThreshold != 1<<63-1 {
		t.Errorf("client starts key exchanges after %d bytes", conf.RekeyThreshold)
	}
}
