package iap_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// failedDial expects a DialError of the stage.
func failedDial(t *testing.T, d *iap.Dialer, target iap.Target, stage iap.Stage) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := d.Dial(ctx, target)
	if err == nil {
		c.Close()
		t.Fatal("the dial succeeded")
	}
	var failed *iap.DialError
	if !errors.As(err, &failed) || failed.Stage != stage || failed.Target != target {
		t.Fatalf("error %v, want one of stage %s", err, stage)
	}
	return err
}

func TestVerdicts(t *testing.T) {
	_, d := relay(t, iaptest.Echo(), func(s *iaptest.Server) {
		s.Project, s.Zone = "proj", "zone-a"
		s.Authorize = func(token string) bool { return token == "token" }
	})
	with := func(change func(*iap.Target)) iap.Target {
		target := vm
		change(&target)
		return target
	}
	for _, tc := range []struct {
		name   string
		target iap.Target
		token  string
		code   int
	}{
		{"closed port", with(func(t *iap.Target) { t.Port = 23 }), "token", iap.CloseBackendFailed},
		{"unknown instance", with(func(t *iap.Target) { t.Instance = "other" }), "token", iap.CloseLookupFailed},
		{"unknown project", with(func(t *iap.Target) { t.Project = "other" }), "token", iap.CloseNotAuthorized},
		{"wrong token", vm, "stolen", iap.CloseNotAuthorized},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := *d
			d.Token = func(context.Context, string) (string, error) { return tc.token, nil }
			err := failedDial(t, &d, tc.target, iap.StageSession)
			var closed *iap.CloseError
			if !errors.As(err, &closed) || closed.Code != tc.code || closed.Reason == "" || closed.Established {
				t.Errorf("got %v, want code %d", err, tc.code)
			}
			if strings.Contains(err.Error(), tc.token+" ") {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
	t.Run("unknown zone", func(t *testing.T) {
		err := failedDial(t, d, with(func(t *iap.Target) { t.Zone = "other" }), iap.StageUpgrade)
		var status *iap.HTTPError
		if !errors.As(err, &status) || status.Status != http.StatusNotFound {
			t.Errorf("got %v", err)
		}
	})
}

func TestIncompleteTarget(t *testing.T) {
	for _, target := range []iap.Target{
		{},
		{Project: "p", Zone: "z", Port: 22},
		{Project: "p", Instance: "i", Port: 22},
		{Zone: "z", Instance: "i", Port: 22},
		{Project: "p", Zone: "z", Instance: "i"},
		{Project: "p", Zone: "z", Instance: "i", Port: 65536},
	} {
		failedDial(t, &iap.Dialer{}, target, iap.StageTarget)
	}
	for _, url := range []string{"ws://127.0.0.1/v4", "https://x", "wss:///v4", "://", "tunnel.cloudproxy.app"} {
		failedDial(t, &iap.Dialer{URL: url}, vm, iap.StageTarget)
	}
}

func TestTokenSourceFails(t *testing.T) {
	_, d := relay(t, iaptest.Echo())
	signIn := errors.New("please sign in")
	d.Token = func(context.Context, string) (string, error) { return "", signIn }
	if err := failedDial(t, d, vm, iap.StageToken); !errors.Is(err, signIn) {
		t.Errorf("got %v", err)
	}
}

// A token source that lets the dial's time pass is what failed, though all else is ready.
func TestTokenSourceIsSilent(t *testing.T) {
	_, d := relay(t, iaptest.Echo())
	ctx, cancel := context.WithCancel(t.Context())
	silent := make(chan struct{})
	defer close(silent)
	d.Token = func(context.Context, string) (string, error) {
		<-silent
		return "", nil
	}
	d.Trace = &iap.Trace{TLS: func(tls.ConnectionState, error) { cancel() }}
	_, err := d.Dial(ctx, vm)
	var failed *iap.DialError
	if !errors.As(err, &failed) || failed.Stage != iap.StageToken || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A caller's own dialer may be stopped while the dial is wanted.
func TestNetDialIsCanceled(t *testing.T) {
	_, d := relay(t, iaptest.Echo())
	d.NetDial = func(context.Context, string, string) (net.Conn, error) { return nil, context.Canceled }
	if err := failedDial(t, d, vm, iap.StageConnect); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestUntrustedRelay(t *testing.T) {
	s := iaptest.NewServer() // outside relay: an abandoned handshake is what is wanted here
	defer s.Close()
	d := dialer(s)
	d.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	err := failedDial(t, d, vm, iap.StageTLS)
	var unknown *tls.CertificateVerificationError
	if !errors.As(err, &unknown) {
		t.Errorf("got %v", err)
	}
}

// httpRelay answers the upgrade with a handler.
func httpRelay(t *testing.T, h http.HandlerFunc) *iap.Dialer {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	return &iap.Dialer{
		URL:       "wss://" + s.Listener.Addr().String(),
		TLSConfig: s.Client().Transport.(*http.Transport).TLSClientConfig,
	}
}

func TestHTTPAnswers(t *testing.T) {
	for _, status := range []int{200, 301, 302, 303, 400, 401, 403, 404, 407, 429, 500, 503} {
		d := httpRelay(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v4/connect" {
				t.Errorf("path %s", r.URL.Path)
			}
			w.Header().Set("Location", "https://portal.example/login")
			http.Error(w, strings.Repeat("no ", 1000), status)
		})
		err := failedDial(t, d, vm, iap.StageUpgrade)
		var refused *iap.HTTPError
		if !errors.As(err, &refused) || refused.Status != status || refused.Location == "" || len(refused.Body) > 1024 {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

// Hints come before the answer, which is the one that counts. How long a busy relay wants to be left alone is told.
func TestHintsBeforeTheAnswer(t *testing.T) {
	d := httpRelay(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	var busy *iap.HTTPError
	if err := failedDial(t, d, vm, iap.StageUpgrade); !errors.As(err, &busy) || busy.Status != http.StatusServiceUnavailable || busy.RetryAfter != time.Minute {
		t.Errorf("got %v", err)
	}
}

func TestExtensionsAreNotOffered(t *testing.T) {
	d := httpRelay(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Protocol", r.Header.Get("Sec-WebSocket-Protocol"))
		w.Header().Set("Sec-WebSocket-Extensions", "x-ext")
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	var broken *iap.ProtocolError
	if err := failedDial(t, d, vm, iap.StageUpgrade); !errors.As(err, &broken) || !strings.Contains(broken.Detail, "extensions") {
		t.Errorf("got %v", err)
	}
}

func TestEndlessHeader(t *testing.T) {
	d := httpRelay(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n"))
		for {
			if _, err := conn.Write([]byte("X-Filler: " + strings.Repeat("x", 1000) + "\r\n")); err != nil {
				return
			}
		}
	})
	failedDial(t, d, vm, iap.StageUpgrade)
}

// In fake time: a relay that never says anything, at each stage, fails the dial at its own bound, and a cancelled context
// ends it at once.
func TestSilence(t *testing.T) {
	for _, tc := range []struct {
		name  string
		stage iap.Stage
		serve func(*testing.T, net.Conn)
	}{
		{"at TLS", iap.StageTLS, func(*testing.T, net.Conn) {}},
		{"at the upgrade", iap.StageUpgrade, func(t *testing.T, c net.Conn) { handshake(t, c) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &iap.Dialer{
					TLSConfig: &tls.Config{InsecureSkipVerify: true},
					NetDial: func(context.Context, string, string) (net.Conn, error) {
						ours, theirs := net.Pipe()
						go silent(t, theirs, tc.serve)
						return ours, nil
					},
				}
				begin := time.Now()
				_, err := d.Dial(context.Background(), vm)
				var failed *iap.DialError
				if !errors.As(err, &failed) || failed.Stage != tc.stage || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(begin); took != time.Minute {
					t.Errorf("gave up after %v", took)
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				begin = time.Now()
				if _, err := d.Dial(ctx, vm); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
					t.Errorf("got %v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

// silent serves one step and then only reads.
func silent(t *testing.T, c net.Conn, serve func(*testing.T, net.Conn)) {
	defer c.Close()
	serve(t, c)
	for buf := make([]byte, 4096); ; {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

func handshake(t *testing.T, c net.Conn) {
	if err := tls.Server(c, selfSigned()).Handshake(); err != nil {
		t.Error(err)
	}
}

// A dial tells when its steps were done, as far as it came.
func TestPhases(t *testing.T) {
	_, d := relay(t, iaptest.Echo())
	d.URL, d.NetDial = strings.Replace(d.URL, "127.0.0.1", "localhost", 1), nil
	p := dial(t, d).Stats().Phases
	steps := []time.Duration{0, p.Resolve, p.Connect, p.TLS, p.Upgrade, p.Session}
	if !slices.IsSorted(steps) || p.Resolve == 0 || p.Token == 0 {
		t.Errorf("phases %+v", p)
	}
	var failed *iap.DialError
	closed := vm
	closed.Port = 23
	if !errors.As(failedDial(t, d, closed, iap.StageSession), &failed) || failed.Phases.Upgrade == 0 || failed.Phases.Session != 0 {
		t.Errorf("phases %+v", failed.Phases)
	}
}

func TestTrace(t *testing.T) {
	_, d := relay(t, iaptest.Echo())
	steps := make(chan string, 10)
	d.Trace = &iap.Trace{
		Token:   func(err error) { steps <- "token" },
		Connect: func(addr, proxy string, _ net.Conn, err error) { steps <- "connect" },
		TLS:     func(s tls.ConnectionState, err error) { steps <- "tls " + s.NegotiatedProtocol },
		Upgrade: func(status int, err error) { steps <- "upgrade " + http.StatusText(status) },
		Session: func(err error) { steps <- "session" },
	}
	dial(t, d)
	close(steps)
	var got []string
	for s := range steps {
		if s != "token" {
			got = append(got, s)
		}
	}
	if want := "connect,tls http/1.1,upgrade Switching Protocols,session"; strings.Join(got, ",") != want {
		t.Errorf("got %v", got)
	}
}
