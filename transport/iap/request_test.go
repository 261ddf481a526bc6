package iap_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// The request as a server sees it: server name, HTTP/1.1, and the parameters and headers that gcloud sends, no more.
func TestRequest(t *testing.T) {
	type seen struct {
		serverName string
		protocols  []string
		req        *http.Request
	}
	var got seen
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.req = r
		w.WriteHeader(http.StatusTeapot)
	}))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		got.serverName, got.protocols = hello.ServerName, hello.SupportedProtos
		return nil, nil
	}}
	s.StartTLS()
	defer s.Close()
	d := &iap.Dialer{
		URL:       "wss://example.com/v4",
		TLSConfig: s.Client().Transport.(*http.Transport).TLSClientConfig,
		NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != "example.com:443" {
				t.Errorf("dialled %s", addr)
			}
			return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
		},
		Proxy:  func(*url.URL) (*url.URL, error) { return nil, nil },
		Token:  func(context.Context, string) (string, error) { return "secret-token", nil },
		Header: http.Header{"X-Goog-Request-Reason": {"ticket 7"}},
	}
	err := failedDial(t, d, iap.Target{Project: "p", Zone: "z", Instance: "a&b c", Port: 22}, iap.StageUpgrade)
	if strings.Contains(err.Error(), "secret-token") {
		t.Errorf("the token is in the error: %v", err)
	}
	r := got.req
	if got.serverName != "example.com" || slices.Contains(got.protocols, "h2") {
		t.Errorf("server name %q, protocols %q", got.serverName, got.protocols)
	}
	if r.Method != http.MethodGet || r.Proto != "HTTP/1.1" || r.Host != "example.com" || r.URL.Path != "/v4/connect" {
		t.Errorf("%s %s %s to %s", r.Method, r.URL.Path, r.Proto, r.Host)
	}
	if want := "instance=a%26b+c&interface=nic0&newWebsocket=True&port=22&project=p&zone=z"; r.URL.RawQuery != want {
		t.Errorf("query %s", r.URL.RawQuery)
	}
	for name, want := range map[string]string{
		"Authorization":            "Bearer secret-token",
		"Origin":                   "bot:iap-tunneler",
		"X-Goog-Request-Reason":    "ticket 7",
		"Sec-Websocket-Protocol":   "relay.tunnel.cloudproxy.app",
		"Sec-Websocket-Version":    "13",
		"Sec-Websocket-Extensions": "",
		"User-Agent":               "iapssh",
	} {
		if got := strings.Join(r.Header.Values(name), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// An answer that does not name the protocol is not from the relay.
func TestSubprotocolMustBeEchoed(t *testing.T) {
	for _, answer := range []string{"", "ssh"} {
		s := iaptest.NewUnstartedServer() // outside relay: a dial that gives up says no goodbye
		s.Faults = []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.WrongSubprotocol, Reason: answer}}
		s.Handle("vm", 22, iaptest.Echo())
		s.Start()
		defer s.Close()
		failedDial(t, dialer(s), vm, iap.StageUpgrade)
	}
}

// onConnect makes a relay in a bubble whose first answer goes wrong.
func onConnect(t *testing.T, faults []iaptest.Fault, f func(*testing.T, *iaptest.Server, *iap.Dialer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := iaptest.NewUnstartedServer()
		s.Faults = faults
		s.Handle("vm", 22, iaptest.Echo())
		s.StartInMemory()
		defer s.Close()
		f(t, s, dialer(s))
	})
}

func TestUnknownTagBeforeSuccess(t *testing.T) {
	onConnect(t, []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.Unknown}, {On: iaptest.OnConnect, Do: iaptest.SendPing}},
		func(t *testing.T, s *iaptest.Server, d *iap.Dialer) { dial(t, d).Close() })
}

// DATA, an ACK, the other success or a message cut short before the success frame end the dial.
func TestWrongBeforeSuccess(t *testing.T) {
	for name, fault := range map[string]iaptest.Fault{
		"DATA":          {Do: iaptest.Say, Frame: frame(binaryFrame, 0, 4, 0, 0, 0, 1, 'x')},
		"ACK":           {Do: iaptest.Say, Frame: frame(binaryFrame, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0)},
		"other success": {Do: iaptest.WrongSuccess},
		"cut short":     {Do: iaptest.Say, Frame: frame(binaryFrame, 0, 1, 0, 0, 0, 9, 'x')},
		"text":          {Do: iaptest.Text},
	} {
		t.Run(name, func(t *testing.T) {
			fault.On = iaptest.OnConnect
			onConnect(t, []iaptest.Fault{fault}, func(t *testing.T, s *iaptest.Server, d *iap.Dialer) {
				err := failedDial(t, d, vm, iap.StageSession)
				if !sameKind(err, &iap.ProtocolError{}) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// 101 is no success: the dial waits for the relay's verdict, for a minute or until its context ends, and says nothing meanwhile.
func TestNothingAfter101(t *testing.T) {
	onConnect(t, []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.Withhold}}, func(t *testing.T, s *iaptest.Server, d *iap.Dialer) {
		for _, patience := range []time.Duration{time.Minute, time.Second} {
			ctx, cancel := context.WithCancel(context.Background())
			if patience < time.Minute {
				ctx, cancel = context.WithTimeout(context.Background(), patience)
			}
			begin := time.Now()
			_, err := d.Dial(ctx, vm)
			cancel()
			var failed *iap.DialError
			if !errors.As(err, &failed) || failed.Stage != iap.StageSession || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begin); took != patience {
				t.Errorf("gave up after %v, want %v", took, patience)
			}
		}
		for _, e := range s.Transcript() {
			if e.From == iaptest.Client && (e.Kind == iaptest.Data || e.Kind == iaptest.Ack) {
				t.Errorf("the client said %v", e)
			}
		}
	})
}

// A dial is repeated, twice, where the relay is busy or hangs up on it, and only there: what else passes is for the caller to wait for.
func TestDialAttempts(t *testing.T) {
	for _, tc := range []struct {
		code, attempts int
	}{{429, 3}, {503, 3}, {500, 1}, {401, 1}, {iap.CloseNotAuthorized, 1}, {iap.CloseBackendFailed, 1}, {iap.CloseLookupFailed, 1}} {
		onConnect(t, []iaptest.Fault{{On: iaptest.OnConnect, Do: iaptest.Close, Code: tc.code, Reason: "no"}}, func(t *testing.T, s *iaptest.Server, d *iap.Dialer) {
			_, err := d.Dial(context.Background(), vm)
			if !sameKind(err, &iap.CloseError{Code: tc.code}) && !sameKind(err, &iap.HTTPError{Status: tc.code}) {
				t.Errorf("code %d: %v", tc.code, err)
			}
			if n := len(requests(s)); n != tc.attempts {
				t.Errorf("code %d: %d requests", tc.code, n)
			}
		})
	}
}

// A trouble that passes is not seen; a context that ends before the next attempt gives the trouble as the error.
func TestDialOvercomes(t *testing.T) {
	for _, fault := range []iaptest.Fault{{Do: iaptest.Close, Code: 503}, {Do: iaptest.Reset}} {
		fault.On, fault.Times = iaptest.OnConnect, 3
		onConnect(t, []iaptest.Fault{fault}, func(t *testing.T, s *iaptest.Server, d *iap.Dialer) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			var failed *iap.DialError
			if _, err := d.Dial(ctx, vm); !errors.As(err, &failed) || failed.Stage != iap.StageUpgrade || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: %v", fault, err)
			}
			began := time.Now()
			c, err := d.Dial(t.Context(), vm)
			if err != nil {
				t.Fatalf("%v: %v", fault, err)
			}
			if took := time.Since(began); took < 300*time.Millisecond || took > 600*time.Millisecond || c.Stats().Phases.Session != took {
				t.Errorf("%v: overcome in %v, phases %+v", fault, took, c.Stats().Phases)
			}
			c.Close()
		})
	}
}

// cutAnswer serves one connection: TLS if it is to be secure, then it reads the request, gives the first n bytes of an answer, and
// hangs up.
func cutAnswer(c net.Conn, secure *tls.Config, answer string, n int) {
	defer c.Close()
	if secure != nil {
		c = tls.Server(c, secure)
		defer c.Close()
	}
	request := make([]byte, 4096)
	if _, err := c.Read(request); err == nil {
		io.WriteString(c, answer[:n])
	}
}

// An answer that is cut short at any byte, the relay's or a proxy's, fails the dial at once.
func TestAnswerCutAtEachByte(t *testing.T) {
	for _, tc := range []struct {
		name   string
		stage  iap.Stage
		secure *tls.Config
		answer string
		proxy  string
	}{
		{"upgrade", iap.StageUpgrade, selfSigned(), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Protocol: relay.tunnel.cloudproxy.app\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", ""},
		{"refusal", iap.StageUpgrade, selfSigned(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", ""},
		{"proxy", iap.StageConnect, nil, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "http://proxy:3128"},
		{"socks", iap.StageConnect, nil, "\x05\xff", "socks5h://proxy:1080"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// As cheap as can be with -race: the hundreds of handshakes are not what is tried.
				client := &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.CurveP256}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
				for n := range len(tc.answer) + 1 {
					d := &iap.Dialer{
						TLSConfig: client,
						NetDial: func(context.Context, string, string) (net.Conn, error) {
							ours, theirs := net.Pipe()
							go cutAnswer(theirs, tc.secure, tc.answer, n)
							return ours, nil
						},
						Proxy: func(*url.URL) (*url.URL, error) {
							if tc.proxy == "" {
								return nil, nil
							}
							return url.Parse(tc.proxy)
						},
					}
					begin := time.Now()
					_, err := d.Dial(context.Background(), vm)
					var failed *iap.DialError
					if !errors.As(err, &failed) || failed.Stage != tc.stage || time.Since(begin) > 10*time.Second {
						t.Errorf("cut after %d bytes: %v after %v", n, err, time.Since(begin))
					}
				}
			})
		})
	}
}
