package iaptest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEcho(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Echo())
	c, sid := open(t, srv, 22)
	c.data("hello")
	if got := c.collect(5); got != "hello" {
		t.Errorf("got %q", got)
	}
	c.ack(5)
	c.data("world")
	c.collect(5)
	c.ack(10)
	c.goodbye()
	wantViolations(t, srv)
	got := srv.Sessions()
	want := SessionInfo{SID: sid, Target: Target{Project: "p", Zone: "z", Instance: "vm", Interface: "nic0", Port: 22}, Links: 1,
		Received: 10, Delivered: 10, Sent: 10, Acked: 10, State: Ended, Code: 1000}
	if len(got) == 1 {
		got[0].AckedUp = 0 // depends on the time
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("sessions\n%+v, want\n%+v", got, want)
	}
}

func TestUpgradeRefused(t *testing.T) {
	get := func(change func(*rawRequest)) func(*rawRequest) { return change }
	for _, tt := range []struct {
		name   string
		change func(*rawRequest)
		status int
		kind   ViolationKind // "" for none
	}{
		{"other zone", get(func(r *rawRequest) { r.query.Set("zone", "y") }), 404, ""},
		{"other path", get(func(r *rawRequest) { r.path = "/v3/connect" }), 404, BadPath},
		{"POST", get(func(r *rawRequest) { r.method = "POST" }), 405, BadMethod},
		{"HTTP/1.0", get(func(r *rawRequest) { r.proto = "HTTP/1.0" }), 400, BadHTTPVersion},
		{"not a websocket", get(func(r *rawRequest) { delete(r.header, "Upgrade") }), 400, BadUpgrade},
		{"short key", get(func(r *rawRequest) { r.header["Sec-WebSocket-Key"] = []string{"AAAA"} }), 400, BadUpgrade},
		{"no Origin", get(func(r *rawRequest) { delete(r.header, "Origin") }), 403, BadOrigin},
		{"other Origin", get(func(r *rawRequest) { r.header["Origin"] = []string{"https://x"} }), 403, BadOrigin},
		{"no subprotocol", get(func(r *rawRequest) { delete(r.header, "Sec-WebSocket-Protocol") }), 400, BadSubprotocol},
		{"no port", get(func(r *rawRequest) { r.query.Del("port") }), 400, MissingParameter},
		{"port 0", get(func(r *rawRequest) { r.query.Set("port", "0") }), 400, BadParameter},
		{"two zones", get(func(r *rawRequest) { r.query.Add("zone", "z") }), 400, RepeatedParameter},
		{"no interface", get(func(r *rawRequest) { r.query.Del("interface") }), 400, MissingParameter},
		{"other region", hostMode(func(r *rawRequest) { r.query.Set("region", "y") }), 404, ""},
		{"host without network", hostMode(func(r *rawRequest) { r.query.Del("network") }), 400, MissingParameter},
		{"group alone", get(func(r *rawRequest) {
			r.query = url.Values{"project": {"p"}, "port": {"22"}, "group": {"g"}, "region": {"r"}, "network": {"n"}}
		}), 400, MissingParameter},
		{"workload without project number", runMode(func(r *rawRequest) { r.query.Del("project_number") }), 400, MissingParameter},
		{"workload without region", runMode(func(r *rawRequest) { r.query.Del("region") }), 400, MissingParameter},
		{"project number with letters", runMode(func(r *rawRequest) { r.query.Set("project_number", "p") }), 400, BadParameter},
		{"workload of another type", runMode(func(r *rawRequest) { r.query.Set("cr_workload_type", "worker-pool") }), 400, BadParameter},
		{"workload's port 80", runMode(func(r *rawRequest) { r.query.Set("port", "80") }), 400, BadParameter},
		{"workload at the common relay", runMode(func(r *rawRequest) { r.host, r.tls.ServerName = relayHost, relayHost }), 404, WrongRelay},
		{"instance at Cloud Run's relay", get(func(r *rawRequest) { r.host, r.tls.ServerName = "r"+runDomain, "r"+runDomain }), 404, WrongRelay},
		{"workload at another region's relay", runMode(func(r *rawRequest) { r.host, r.tls.ServerName = "x"+runDomain, "x"+runDomain }), 404, WrongRelay},
		{"token in URL", get(func(r *rawRequest) { r.query.Set("_", "secret-token") }), 400, TokenInURL},
		{"sid is needed", get(func(r *rawRequest) { r.path = "/v4/reconnect"; r.query = url.Values{"ack": {"0"}, "zone": {"z"}} }), 400, MissingParameter},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newTestServer(t, func(s *Server) { s.Zone, s.Region = "z", "r" })
			srv.Handle("vm", 22, Echo())
			r := connectRequest(srv, "vm", 22)
			tt.change(r)
			if c, resp := r.do(t, srv); c != nil || resp.StatusCode != tt.status {
				t.Errorf("got %v", resp.Status)
			}
			if tt.kind == "" {
				wantViolations(t, srv)
			} else {
				wantViolations(t, srv, tt.kind)
			}
		})
	}
}

// hostMode and runMode change a request of instance mode into one of another mode,
// and then as told.
func hostMode(change func(*rawRequest)) func(*rawRequest) {
	return func(r *rawRequest) {
		r.query = url.Values{"project": {"p"}, "port": {"22"}, "region": {"r"}, "network": {"n"}, "host": {"vm"}, "group": {"g"}}
		change(r)
	}
}

func runMode(change func(*rawRequest)) func(*rawRequest) {
	return func(r *rawRequest) {
		r.query = url.Values{"project": {"p"}, "port": {"22"}, "region": {"r"}, "project_number": {"42"},
			"cr_workload_type": {"service"}, "cr_deployment_name": {"vm/revisions/vm-1"}, "cr_container_id": {"c"}}
		change(r)
	}
}

// The other modes are served, their sessions resumed in their region and nowhere else.
func TestModes(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*rawRequest)
		want   Target
	}{
		"host": {hostMode(func(*rawRequest) {}), Target{Project: "p", Port: 22, Region: "r", Network: "n", Host: "vm", Group: "g"}},
		"Cloud Run": {runMode(func(r *rawRequest) { r.host, r.tls.ServerName = "r"+runDomain, "r"+runDomain }), Target{Project: "p", Port: 22, Region: "r",
			ProjectNumber: "42", WorkloadType: "service", Deployment: "vm/revisions/vm-1", Container: "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newTestServer(t, func(s *Server) { s.Region, s.Network, s.Group = "r", "n", "g" })
			srv.Handle("vm", 22, Echo())
			r := connectRequest(srv, "vm", 22)
			tt.change(r)
			c := r.upgrade(t, srv)
			again := resumeRequest(srv, c.wantSID(), 0)
			c.raw.Close()
			again.upgrade(t, srv).answerClose(codeUnknownSID, "unknown session")
			again.query.Del("zone")
			again.query.Set("region", "r")
			c = again.upgrade(t, srv)
			if op, p := c.next(); op != 2 || !bytes.Equal(p, appendAck(nil, tagReconnectAck, 0)[2:]) {
				t.Fatalf("want RECONNECT_SUCCESS 0, got %s", describe(op, p))
			}
			c.goodbye()
			wantViolations(t, srv, BadParameter) // the zone
			if got := srv.Sessions()[0].Target; got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestUpgradeTolerated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*rawRequest)
		kinds  []ViolationKind
	}{
		{"cache buster, no newWebsocket", func(r *rawRequest) { r.query.Del("newWebsocket"); r.query.Set("_", "1234") }, nil},
		{"unknown parameter", func(r *rawRequest) { r.query.Set("x", "y") }, []ViolationKind{UnknownParameter}},
		{"h2", func(r *rawRequest) { r.tls.NextProtos = []string{"h2", "http/1.1"} }, []ViolationKind{OfferedH2}},
		{"name without server name", func(r *rawRequest) { r.host = relayHost }, []ViolationKind{BadServerName}},
		{"name with server name", func(r *rawRequest) { r.host = relayHost; r.tls.ServerName = relayHost }, nil},
		{"mTLS without certificate", func(r *rawRequest) { r.host = mtlsHost; r.tls.ServerName = mtlsHost }, []ViolationKind{NoClientCert}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newTestServer(t, nil)
			srv.Handle("vm", 22, Echo())
			r := connectRequest(srv, "vm", 22)
			tt.change(r)
			c, resp := r.do(t, srv)
			if c == nil {
				t.Fatal(resp.Status)
			}
			defer c.raw.Close()
			if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != wantSubprotocol {
				t.Errorf("subprotocol %q", got)
			}
			if got := resp.Header.Get("Sec-WebSocket-Accept"); got != "BACScCJPNqyz+UBoqMH89VmURoA=" {
				t.Errorf("accept %q", got)
			}
			c.wantSID()
			c.goodbye()
			wantViolations(t, srv, tt.kinds...)
		})
	}
}

func TestRefusedAfterUpgrade(t *testing.T) {
	bad := func(context.Context) (net.Conn, error) { return nil, errors.New("no") }
	for _, tt := range []struct {
		name   string
		change func(*rawRequest)
		code   int
		reason string
		kinds  []ViolationKind
	}{
		{"other project", func(r *rawRequest) { r.query.Set("project", "q") }, 4033, "not authorized", nil},
		{"other network", hostMode(func(r *rawRequest) { r.query.Set("network", "m") }), 4033, "not authorized", nil},
		{"other group", hostMode(func(r *rawRequest) { r.query.Set("group", "h") }), 4033, "not authorized", nil},
		{"unknown host", hostMode(func(r *rawRequest) { r.query.Set("host", "10.0.0.9") }), 4047, "Failed to lookup instance", nil},
		{"unknown workload", runMode(func(r *rawRequest) { r.query.Set("cr_deployment_name", "nn") }), 4047, "Failed to lookup instance", nil},
		{"bad token", func(r *rawRequest) { r.header["Authorization"] = []string{"Bearer wrong-token"} }, 4033, "not authorized", nil},
		{"no token", func(r *rawRequest) { delete(r.header, "Authorization") }, 4033, "not authorized", []ViolationKind{BadAuthorization}},
		{"unknown instance", func(r *rawRequest) { r.query.Set("instance", "nn") }, 4047, "Failed to lookup instance", nil},
		{"unknown port", func(r *rawRequest) { r.query.Set("port", "23") }, 4003, "failed to connect to backend", nil},
		{"backend refuses", func(r *rawRequest) { r.query.Set("port", "24") }, 4003, "failed to connect to backend", nil},
		{"unknown SID", func(r *rawRequest) {
			r.path = "/v4/reconnect"
			r.query = url.Values{"sid": {"x"}, "ack": {"0"}, "zone": {"z"}}
		}, 4001, "unknown session", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newTestServer(t, func(s *Server) {
				s.Project, s.Network, s.Group = "p", "n", "g"
				s.Authorize = func(token string) bool { return token == "secret-token" }
			})
			srv.Handle("vm", 22, Echo())
			srv.Handle("vm", 24, bad)
			r := connectRequest(srv, "vm", 22)
			tt.change(r)
			r.upgrade(t, srv).answerClose(tt.code, tt.reason)
			wantViolations(t, srv, tt.kinds...)
		})
	}
}

// TestMisuse sends what no client should, and wants it booked and answered.
func TestMisuse(t *testing.T) {
	bin := func(p []byte) []byte { return rawFrame(0x82, p) }
	spoil := func(i int, x byte) []byte {
		f := rawFrame(0x82, dataMessage([]byte("x")))
		f[i] ^= x
		return f
	}
	for _, tt := range []struct {
		name string
		send []byte
		code int // 0: the session goes on
		kind ViolationKind
	}{
		{"text", rawFrame(0x81, []byte("x")), 4007, TextMessage},
		{"unmasked", spoil(1, 0x80), 1002, Unmasked},
		{"RSV1", spoil(0, 0x40), 1002, ReservedBits},
		{"opcode 3", spoil(0, 0x01), 1002, UnknownOpcode},
		{"fragment", spoil(0, 0x80), 1002, Fragmented},
		{"continuation", rawFrame(0x80, []byte("x")), 1002, Fragmented},
		{"16-bit length of 5", []byte{0x82, 0x80 | 126, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1002, LongLength},
		{"64-bit length of 5", []byte{0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0}, 1002, LongLength},
		{"long ping", rawFrame(0x89, make([]byte, 126)), 1002, OversizeControl},
		{"huge message", []byte{0x82, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 1009, OversizeMessage},
		{"close of one byte", rawFrame(0x88, []byte{3}), 1002, BadClose},
		{"close 1005", rawFrame(0x88, closePayload(1005, "")), 1002, BadClose},
		{"close not UTF-8", rawFrame(0x88, closePayload(1000, "\xff")), 1002, BadClose},
		{"empty message", bin(nil), 4008, Truncated},
		{"short DATA", bin([]byte{0, 4, 0, 0}), 4013, Truncated},
		{"cut DATA", bin([]byte{0, 4, 0, 0, 0, 2, 'x'}), 4013, Truncated},
		{"empty DATA", bin(dataMessage(nil)), 4013, EmptyData},
		{"DATA of 16385", bin(dataMessage(make([]byte, 16385))), 4013, OversizeData},
		{"DATA of 40000", bin(dataMessage(make([]byte, 40000))), 4013, OversizeData},
		{"short ACK", bin([]byte{0, 7, 0}), 4006, Truncated},
		{"unknown tag", bin([]byte{0, 9}), 4008, UnknownTag},
		{"SID", bin([]byte{0, 1, 0, 0, 0, 0}), 4008, UnknownTag},
		{"ACK beyond", bin(ackMessage(4)), 4005, AckBeyondSent},
		{"ACK backward", append(bin(ackMessage(3)), bin(ackMessage(2))...), 4006, AckBackward},
		{"ACK repeated", append(bin(ackMessage(3)), bin(ackMessage(3))...), 0, AckRepeated},
		{"ACK 0", bin(ackMessage(0)), 0, AckRepeated},
		{"trailing bytes", bin(append(ackMessage(3), 0)), 0, TrailingBytes},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newTestServer(t, nil)
			srv.Handle("vm", 22, Serve(func(c net.Conn) {
				io.WriteString(c, "abc")
				io.Copy(io.Discard, c)
			}))
			c, _ := open(t, srv, 22)
			c.collect(3)
			c.write(tt.send)
			if tt.code == 0 {
				c.goodbye()
			} else {
				c.answerClose(tt.code, string(tt.kind))
			}
			wantViolations(t, srv, tt.kind)
		})
	}
}

func TestAfterClose(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Echo())
	c, _ := open(t, srv, 22)
	c.write(append(rawFrame(0x88, nil), append(rawFrame(0x88, nil), rawFrame(0x82, dataMessage([]byte("x")))...)...))
	if op, p := c.next(); op != 8 || len(p) != 0 {
		t.Errorf("got %s", describe(op, p))
	}
	c.wantEOF()
	c.conn.Close()
	wantViolations(t, srv, SecondClose, FrameAfterClose)
}

func TestBeforeSuccess(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, func(ctx context.Context) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	c := connectRequest(srv, "vm", 22).upgrade(t, srv)
	c.data("x")
	c.answerClose(4013, "message before the success frame")
	wantViolations(t, srv, BeforeSuccess)
}

func TestCloseWhileDialing(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, func(ctx context.Context) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	connectRequest(srv, "vm", 22).upgrade(t, srv).goodbye()
	wantViolations(t, srv)
}

func TestNoCloseEcho(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Serve(func(c net.Conn) { io.WriteString(c, "bye") }))
	c, sid := open(t, srv, 22)
	c.collect(3)
	c.wantClose(1000, "") // without an ACK, after a while
	c.raw.Close()

	// The close may have been lost with the link, so the session is still there.
	c, n := resumed(t, srv, sid, 1)
	if got := c.collect(2); n != 0 || got != "ye" {
		t.Errorf("resumed with %d, got %q", n, got)
	}
	c.ack(3)
	c.answerClose(1000, "")
	wantViolations(t, srv, NoCloseEcho)
}

func TestBackendEnds(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 100_000)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var vms sync.WaitGroup
	defer vms.Wait()
	vms.Go(func() {
		for _, end := range []func(*net.TCPConn){
			func(c *net.TCPConn) { c.Write(big) },
			func(c *net.TCPConn) { c.Read(make([]byte, 1)); c.SetLinger(0) },
		} {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			end(c.(*net.TCPConn))
			c.Close()
		}
	})
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, TCP(ln.Addr().String()))

	c, _ := open(t, srv, 22)
	c.collect(len(big))
	c.ack(uint64(len(big)))
	c.answerClose(1000, "")

	c, _ = open(t, srv, 22)
	c.data("x")
	c.answerClose(4010, "destination read failed")
	wantViolations(t, srv)
}

func TestBackendWriteFails(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, func(context.Context) (net.Conn, error) {
		relay, vm := newPipe()
		vm.in.closeReader() // takes nothing, says nothing
		return relay, nil
	})
	c, _ := open(t, srv, 22)
	c.data("x")
	c.answerClose(4009, "destination write failed")
	wantViolations(t, srv)
}

// TestUploadDrains wants everything at the backend that the client sent before
// its close frame, even if the backend is slow and talks at the same time.
func TestUploadDrains(t *testing.T) {
	var got bytes.Buffer
	start := make(chan struct{})
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Serve(func(c net.Conn) {
		c.Write(make([]byte, 4<<20)) // more than the window and the pipe
		<-start
		io.Copy(&got, c)
	}))
	c, _ := open(t, srv, 22)
	go io.Copy(io.Discard, io.LimitReader(c.br, 1<<10)) // as little as there is
	sent := randomBytes(t, 1<<20)
	for p := sent; len(p) > 0; p = p[16384:] {
		c.binary(dataMessage(p[:16384]))
	}
	c.sendClose(1000)
	close(start)
	waitFor(t, func() bool { i := srv.Sessions()[0]; return i.Delivered == 1<<20 })
	c.raw.Close()
	srv.Close()
	if !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("backend got %d bytes, want %d", got.Len(), len(sent))
	}
}

// waitFor polls what only the books can tell.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("timeout")
		}
	}
}

func randomBytes(t testing.TB, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	if _, err := rand.Read(p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWindow(t *testing.T) {
	srv := newTestServer(t, func(s *Server) { s.Window = 100_000 })
	srv.Handle("vm", 22, Serve(func(c net.Conn) { c.Write(make([]byte, 300_000)) }))
	c, _ := open(t, srv, 22)
	got := 0
	for got < 300_000 {
		op, p := c.next()
		if op != 2 {
			t.Fatal(describe(op, p))
		}
		got += len(p) - 6
		if i := srv.Sessions()[0]; i.Sent-i.Acked > 100_000 {
			t.Fatalf("%d bytes under way", i.Sent-i.Acked)
		} else if i.Sent-i.Acked > 80_000 {
			c.ack(uint64(got))
		}
	}
	c.ack(300_000)
	c.answerClose(1000, "")
	srv.Close()
	for _, v := range srv.Violations() {
		if v.Kind != AckRepeated {
			t.Error(v)
		}
	}
}

func TestAckCadence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := NewUnstartedServer()
		srv.StartInMemory()
		defer srv.Close()
		srv.Handle("vm", 22, Serve(func(c net.Conn) { io.Copy(io.Discard, c) }))
		c, _ := open(t, srv, 22)
		start := time.Now()
		c.data("x")
		c.wantAck(1)
		if d := time.Since(start); d != 50*time.Millisecond {
			t.Errorf("one byte acknowledged after %v", d)
		}
		start = time.Now()
		for range 3 {
			c.data(strings.Repeat("x", 16384))
			synctest.Wait()
		}
		c.wantAck(1 + 2*16384)
		if d := time.Since(start); d != 0 {
			t.Errorf("32 KiB acknowledged after %v", d)
		}
		c.wantAck(1 + 3*16384)
		c.goodbye()
		wantViolations(t, srv)
	})
}

func TestPing(t *testing.T) {
	srv := newTestServer(t, nil)
	srv.Handle("vm", 22, Echo())
	c, _ := open(t, srv, 22)
	c.write(rawFrame(0x89, []byte("payload")))
	if op, p := c.next(); op != 10 || string(p) != "payload" {
		t.Errorf("got %s", describe(op, p))
	}
	c.write(rawFrame(0x8A, []byte("unsolicited")))
	c.goodbye()
	wantViolations(t, srv)
}

func TestStartAt(t *testing.T) {
	srv := NewUnstartedServer()
	if err := srv.StartAt("256.0.0.1:0"); err == nil {
		t.Error("started at an impossible address")
	}
	if _, err := srv.NetDial(t.Context(), "", ""); err == nil {
		t.Error("dialed a server that is not started")
	}
	if err := srv.StartAt("0.0.0.0:0"); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if err := srv.StartAt("127.0.0.1:0"); err == nil {
		t.Error("started twice")
	}
	srv.Handle("vm", 22, Echo())
	if !strings.HasPrefix(srv.URL, "wss://127.0.0.1:") {
		t.Error(srv.URL)
	}
	c, _ := open(t, srv, 22)
	c.goodbye()
}

// TestNotTLS and other garbage must not disturb the server.
func TestGarbage(t *testing.T) {
	srv := newTestServer(t, nil)
	for _, s := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01"} {
		c, err := srv.NetDial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, s)
		c.Close()
	}
	cfg := srv.ClientTLS()
	cfg.ServerName = "localhost"
	for _, s := range []string{"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 100<<10)} {
		raw, err := srv.NetDial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(raw, cfg)
		io.WriteString(c, s)
		io.Copy(io.Discard, c)
		c.Close()
	}
	srv.Handle("vm", 22, Echo())
	c, _ := open(t, srv, 22)
	c.goodbye()
}

func TestH2Only(t *testing.T) {
	srv := newTestServer(t, nil)
	raw, err := srv.NetDial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	cfg := srv.ClientTLS()
	cfg.ServerName, cfg.NextProtos = "localhost", []string{"h2"}
	if err := tls.Client(raw, cfg).Handshake(); err == nil {
		t.Error("spoke h2")
	}
	wantViolations(t, srv, OfferedH2)
}

func TestCACert(t *testing.T) {
	srv := newTestServer(t, nil)
	file := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(file, srv.CACert(), 0o600); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(srv.CACert(), []byte("-----BEGIN CERTIFICATE-----")) {
		t.Error("not PEM")
	}
	resp, err := (&http.Client{Transport: &http.Transport{
		TLSClientConfig:   srv.ClientTLS(),
		DialContext:       srv.NetDial,
		DisableKeepAlives: true,
	}}).Get("https://" + relayHost + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusBadRequest {
		t.Error(resp.Status)
	}
}
