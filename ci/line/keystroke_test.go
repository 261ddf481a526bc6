package line

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/transport/iap"
)

const (
	keystrokes   = 100
	betweenKeys  = 60 * time.Millisecond // and a little more each time, so that they meet the bulk at any moment
	bulkUnderWay = 2 * time.Second
)

// BenchmarkKeystroke uploads without end in one SSH session and types into another of the same connection, on a line of 20 Mbit/s and
// 50 ms: with iap.Conn and sshclient, and with stock ssh, its ControlMaster and a ProxyCommand. An echo over plain TCP on the same
// line says what the line itself costs: 50 ms idle and 75 ms loaded, since what it holds takes 50 ms to send, of which 25 ms are its
// length. It must run in an iaplab with a real sshd (ci/keystroke); ci/transport has the bounds.
func BenchmarkKeystroke(b *testing.B) {
	relay := os.Getenv("IAPSSH_RELAY_URL")
	if relay == "" {
		b.Skip("there is no lab around this process: run ci/keystroke")
	}
	b.Run("ours", func(b *testing.B) { measure(b, relay, ours) })
	b.Run("stock", func(b *testing.B) { measure(b, relay, stock) })
}

// client is an SSH connection with a bulk upload and a session that echoes.
type client struct {
	keys     io.Writer
	echo     io.Reader
	uploaded func() int64 // bytes, so far
	close    func()
}

func measure(b *testing.B, relay string, open func(testing.TB, string) client) {
	target, err := url.Parse(relay)
	if err != nil {
		b.Fatal(err)
	}
	l := New(home)
	defer l.Close()
	entrance, err := l.To(target.Host)
	if err != nil {
		b.Fatal(err)
	}
	target.Host = entrance
	beside := dialThrough(b, l, serve(b, echo))

	idleLine := pingPong(b, beside, beside, 20, 0)
	c := open(b, target.String())
	defer c.close()
	time.Sleep(bulkUnderWay)
	begin, before := time.Now(), c.uploaded()
	typed := pingPong(b, c.keys, c.echo, keystrokes, betweenKeys)
	loadedLine := pingPong(b, beside, beside, 20, betweenKeys)
	rate := float64(c.uploaded()-before) / time.Since(begin).Seconds()

	report := func(d time.Duration, unit string) { b.ReportMetric(float64(d.Microseconds())/1000, unit) }
	report(typed.at(0.5), "median-ms")
	report(typed.at(0.95), "p95-ms")
	report(idleLine.at(0.5), "line-idle-ms")
	report(loadedLine.at(0.5), "line-loaded-ms")
	b.ReportMetric(rate*8/1e6, "upload-Mbit/s")
	b.ReportMetric(0, "ns/op")
}

// zeros is an endless upload that counts. Interrupt ends it, as sshclient wants it.
type zeros struct {
	mu    sync.Mutex // guards the fields below
	n     int64
	ended bool
}

func (z *zeros) Read(p []byte) (int, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.ended {
		return 0, io.EOF
	}
	z.n += int64(len(p))
	clear(p)
	return len(p), nil
}

func (z *zeros) Interrupt() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.ended = true
}

func (z *zeros) count() int64 {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.n
}

// ours is sshclient over iap.Conn.
func ours(t testing.TB, relay string) client {
	t.Helper()
	ctx := context.Background()
	conn := dialRelay(t, ctx, relay)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	home := os.Getenv("HOME")
	ssh, err := sshclient.Handshake(ctx, conn, sshclient.Config{
		User: me.Username, Host: "lab-vm", Trust: sshclient.TrustKeys(hostKey(t, home)),
		Auth: sshclient.Auth{Identities: []sshclient.Identity{{Path: filepath.Join(home, ".ssh", "id_ed25519"), Explicit: true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	start := func(command string) *sshclient.Session {
		s, err := ssh.Start(ctx, sshclient.Command{Exec: command})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	upload, keys := start("cat >/dev/null"), start("cat")
	var tasks sync.WaitGroup
	source := &zeros{}
	tasks.Go(func() { upload.Run(sshclient.Streams{Stdin: source}) })
	typed, typing := io.Pipe()
	echoed, echo := io.Pipe()
	tasks.Go(func() { keys.Run(sshclient.Streams{Stdin: typed, Stdout: echo}) })
	return client{keys: typing, echo: echoed, uploaded: source.count, close: func() {
		source.Interrupt()
		typing.Close()
		echoed.Close()
		ssh.Close()
		tasks.Wait()
	}}
}

func dialRelay(t testing.TB, ctx context.Context, relay string) net.Conn {
	t.Helper()
	ca, err := os.ReadFile(os.Getenv("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	d := &iap.Dialer{URL: relay, TLSConfig: &tls.Config{RootCAs: roots}, Token: labToken}
	conn, err := d.Dial(ctx, iap.Target{Project: "lab-project", Zone: "europe-west1-b", Instance: "lab-vm", Port: 22})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// labToken asks the lab's Google for an access token.
func labToken(context.Context, string) (string, error) {
	text, err := os.ReadFile(os.Getenv("GOOGLE_APPLICATION_CREDENTIALS"))
	if err != nil {
		return "", err
	}
	var saved map[string]string
	if err := json.Unmarshal(text, &saved); err != nil {
		return "", err
	}
	answer, err := http.PostForm(saved["token_uri"], url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {saved["refresh_token"]},
		"client_id": {saved["client_id"]}, "client_secret": {saved["client_secret"]},
	})
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(answer.Body).Decode(&token)
	return token.AccessToken, err
}

// hostKey is the lab's VM's.
func hostKey(t testing.TB, home string) ssh.PublicKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, ".ssh", "known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, key, _, _, err := ssh.ParseKnownHosts(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// stock is OpenSSH: a master that uploads, with iapssh as its ProxyCommand, and a session of the same connection.
func stock(t testing.TB, relay string) client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "control")
	env := append(os.Environ(), "IAPSSH_RELAY_URL="+relay)
	source := &zeros{}
	master := exec.Command("ssh", "-M", "-S", socket, "lab-vm", "cat >/dev/null")
	master.Env, master.Stderr, master.Stdin = env, os.Stderr, struct{ io.Reader }{source}
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, socket)
	session := exec.Command("ssh", "-S", socket, "lab-vm", "cat")
	session.Env, session.Stderr = env, os.Stderr
	keys, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	echo, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(); err != nil {
		t.Fatal(err)
	}
	return client{keys: keys, echo: echo, uploaded: source.count, close: func() {
		source.Interrupt()
		master.Process.Kill()
		keys.Close()
		session.Process.Kill()
		session.Wait()
		master.Wait()
	}}
}

// awaitFile waits for ssh to make its socket.
func awaitFile(t testing.TB, path string) {
	t.Helper()
	for range 100 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no %s after 10 s", path)
}
