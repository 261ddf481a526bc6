package iaptest

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// rawClient speaks to the relay in hand-written frames, so that it can be wrong
// in every way. It shares no code with the server.
type rawClient struct {
	t    testing.TB
	conn *tls.Conn
	raw  net.Conn
	br   *bufio.Reader

	final bool // FIN of the last frame read
}

// rawRequest is an upgrade request before it is written; tests spoil it.
type rawRequest struct {
	method, path, proto string
	query               url.Values
	header              http.Header
	host                string
	tls                 *tls.Config
}

func connectRequest(srv *Server, instance string, port int) *rawRequest {
	u, err := url.Parse(srv.URL)
	if err != nil {
		panic(err)
	}
	r := &rawRequest{
		method: "GET", path: "/v4/connect", proto: "HTTP/1.1", host: u.Host, tls: srv.ClientTLS(),
		query: url.Values{
			"project": {"p"}, "zone": {"z"}, "instance": {instance}, "interface": {"nic0"},
			"port": {fmt.Sprint(port)}, "newWebsocket": {"True"},
		},
		header: http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
			"Sec-WebSocket-Version": {"13"}, "Sec-WebSocket-Key": {"MDEyMzQ1Njc4OWFiY2RlZg=="},
			"Sec-WebSocket-Protocol": {"relay.tunnel.cloudproxy.app"},
			"Origin":                 {"bot:iap-tunneler"}, "Authorization": {"Bearer secret-token"},
		},
	}
	r.tls.ServerName = u.Hostname()
	return r
}

func resumeRequest(srv *Server, sid string, ack uint64) *rawRequest {
	r := connectRequest(srv, "", 0)
	r.path = "/v4/reconnect"
	r.query = url.Values{"sid": {sid}, "ack": {fmt.Sprint(ack)}, "zone": {"z"}}
	return r
}

func (r *rawRequest) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s?%s %s\r\n", r.method, r.path, r.query.Encode(), r.proto)
	if r.host != "" {
		fmt.Fprintf(&b, "Host: %s\r\n", r.host)
	}
	for name, values := range r.header {
		for _, v := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	return b.String() + "\r\n"
}

// try sends the request and returns the answer, with a client if it was 101.
func (r *rawRequest) try(t testing.TB, srv *Server) (*rawClient, *http.Response, error) {
	raw, err := srv.NetDial(t.Context(), "tcp", "ignored:443")
	if err != nil {
		return nil, nil, err
	}
	raw.SetDeadline(time.Now().Add(time.Minute)) // a test that hangs fails here
	conn := tls.Client(raw, r.tls)
	c := &rawClient{t: t, conn: conn, raw: raw, br: bufio.NewReaderSize(conn, 64<<10)}
	resp, err := c.request(r)
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		io.Copy(io.Discard, resp.Body)
		raw.Close()
		return nil, resp, nil
	}
	return c, resp, nil
}

func (c *rawClient) request(r *rawRequest) (*http.Response, error) {
	if _, err := io.WriteString(c.conn, r.String()); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.br, nil)
}

// do is try for requests that must be answered.
func (r *rawRequest) do(t testing.TB, srv *Server) (*rawClient, *http.Response) {
	t.Helper()
	c, resp, err := r.try(t, srv)
	if err != nil {
		t.Fatal(err)
	}
	return c, resp
}

// upgrade is do for requests that must be let through.
func (r *rawRequest) upgrade(t testing.TB, srv *Server) *rawClient {
	t.Helper()
	c, resp := r.do(t, srv)
	if c == nil {
		t.Fatalf("upgrade: %s", resp.Status)
	}
	t.Cleanup(func() { c.raw.Close() })
	return c
}

// open connects to instance "vm" and returns the SID.
func open(t testing.TB, srv *Server, port int) (*rawClient, string) {
	t.Helper()
	c := connectRequest(srv, "vm", port).upgrade(t, srv)
	return c, c.wantSID()
}

// resumed reconnects and returns the relay's count.
func resumed(t testing.TB, srv *Server, sid string, ack uint64) (*rawClient, uint64) {
	t.Helper()
	c := resumeRequest(srv, sid, ack).upgrade(t, srv)
	op, p := c.next()
	if op != 2 || len(p) != 10 || binary.BigEndian.Uint16(p) != 2 {
		t.Fatalf("resume: got %s", describe(op, p))
	}
	return c, binary.BigEndian.Uint64(p[2:])
}

// rawFrame is a masked frame.
func rawFrame(b0 byte, payload []byte) []byte {
	mask := [4]byte{0x11, 0x22, 0x83, 0x44}
	out := []byte{b0}
	switch n := len(payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n < 1<<16:
		out = append(out, 0x80|126, byte(n>>8), byte(n))
	default:
		out = append(out, 0x80|127)
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	out = append(out, mask[:]...)
	for i, b := range payload {
		out = append(out, b^mask[i%4])
	}
	return out
}

func (c *rawClient) write(p []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

func (c *rawClient) binary(p []byte) { c.t.Helper(); c.write(rawFrame(0x82, p)) }

func dataMessage(p []byte) []byte {
	return append([]byte{0, 4, byte(len(p) >> 24), byte(len(p) >> 16), byte(len(p) >> 8), byte(len(p))}, p...)
}

func ackMessage(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0, 7}, n) }

func (c *rawClient) data(s string) { c.t.Helper(); c.binary(dataMessage([]byte(s))) }
func (c *rawClient) ack(n uint64)  { c.t.Helper(); c.binary(ackMessage(n)) }

func closePayload(code int, reason string) []byte {
	return append([]byte{byte(code >> 8), byte(code)}, reason...)
}

func (c *rawClient) sendClose(code int) {
	c.t.Helper()
	c.write(rawFrame(0x88, closePayload(code, "")))
}

// read returns the next frame of the relay.
func (c *rawClient) read() (op byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(c.br, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1])
	switch {
	case h[1] > 127:
		return 0, nil, errors.New("masked frame from the relay")
	case n == 126:
		var b [2]byte
		_, err = io.ReadFull(c.br, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case n == 127:
		var b [8]byte
		_, err = io.ReadFull(c.br, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.br, payload)
	c.final = h[0]&0x80 != 0
	return h[0] & 0x7F, payload, err
}

func (c *rawClient) next() (op byte, payload []byte) {
	c.t.Helper()
	op, payload, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return op, payload
}

func describe(op byte, p []byte) string {
	if op == 8 && len(p) >= 2 {
		return fmt.Sprintf("close %d %q", binary.BigEndian.Uint16(p), p[2:])
	}
	return fmt.Sprintf("opcode %#x %q", op, p[:min(len(p), 60)])
}

func (c *rawClient) wantSID() string {
	c.t.Helper()
	op, p := c.next()
	if op != 2 || len(p) < 7 || binary.BigEndian.Uint16(p) != 1 || int(binary.BigEndian.Uint32(p[2:])) != len(p)-6 {
		c.t.Fatalf("want SID, got %s", describe(op, p))
	}
	return string(p[6:])
}

// collect reads DATA until n bytes have come; ACKs on the way are skipped.
func (c *rawClient) collect(n int) string {
	c.t.Helper()
	var got []byte
	for len(got) < n {
		op, p := c.next()
		switch {
		case op == 2 && p[1] == 4 && int(binary.BigEndian.Uint32(p[2:])) == len(p)-6 && len(p) > 6 && len(p) <= 16390:
			got = append(got, p[6:]...)
		case op == 2 && p[1] == 7:
		default:
			c.t.Fatalf("want DATA, got %s after %d bytes", describe(op, p), len(got))
		}
	}
	if len(got) != n {
		c.t.Fatalf("got %d bytes, want %d", len(got), n)
	}
	return string(got)
}

// wantAck reads until the ACK n; DATA on the way is an error.
func (c *rawClient) wantAck(n uint64) {
	c.t.Helper()
	op, p := c.next()
	if op != 2 || len(p) != 10 || p[1] != 7 || binary.BigEndian.Uint64(p[2:]) != n {
		c.t.Fatalf("want ACK %d, got %s", n, describe(op, p))
	}
}

// wantClose reads on to the close frame; ACKs on the way are skipped.
func (c *rawClient) wantClose(code int, reason string) {
	c.t.Helper()
	for {
		op, p := c.next()
		if op == 2 && len(p) == 10 && p[1] == 7 {
			continue
		}
		if op != 8 || len(p) < 2 || int(binary.BigEndian.Uint16(p)) != code || (reason != "*" && string(p[2:]) != reason) {
			c.t.Fatalf("want close %d %q, got %s", code, reason, describe(op, p))
		}
		return
	}
}

// wantEOF wants the connection to end cleanly.
func (c *rawClient) wantEOF() {
	c.t.Helper()
	if op, p, err := c.read(); err != io.EOF {
		c.t.Fatalf("want EOF, got %s, %v", describe(op, p), err)
	}
}

// goodbye is a faithful end of a session.
func (c *rawClient) goodbye() {
	c.t.Helper()
	c.sendClose(1000)
	c.wantClose(1000, "")
	c.wantEOF()
	c.conn.Close()
}

// answerClose is a faithful answer to a close frame of the relay.
func (c *rawClient) answerClose(code int, reason string) {
	c.t.Helper()
	c.wantClose(code, reason)
	c.write(rawFrame(0x88, closePayload(code, "")))
	c.wantEOF()
	c.conn.Close()
}

// newTestServer is started and, at the end, closed and judged.
func newTestServer(t testing.TB, configure func(*Server)) *Server {
	t.Helper()
	srv := NewUnstartedServer()
	if configure != nil {
		configure(srv)
	}
	srv.Start()
	if srv.URL == "" {
		t.Fatal(srv.err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// wantViolations closes the server and compares the kinds.
func wantViolations(t testing.TB, srv *Server, kinds ...ViolationKind) {
	t.Helper()
	srv.Close()
	got := srv.Violations()
	same := len(got) == len(kinds)
	for i := 0; same && i < len(got); i++ {
		same = got[i].Kind == kinds[i]
	}
	if !same {
		t.Errorf("violations %q, want\n%s", kinds, Report(got))
	}
}
