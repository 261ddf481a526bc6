package iap_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
	"github.com/iapssh/iapssh/transport/iap/iaptest/apart"
)

// BenchmarkBulk compares what moving bytes costs the client, in CPU seconds for a GiB, for three clients in the same run:
//
//	raw   TLS alone, as many bytes to a write as a frame of 16 KiB has
//	bare  masked frames of 16 KiB, one tls.Write each, nothing kept for a resume
//	ours  this package
//
// and, if IAPSSH_BINARY names cmd/iapssh, its tunnel on a local port, the listener. It moves each byte through one more socket than
// the others; local is what that alone costs, so that listener/floor compares it with a bare client behind a local port.
//
// The peers run in a process of their own, so that getrusage is the client's alone.
func BenchmarkBulk(b *testing.B) {
	p := startPeer(b)
	type client struct {
		name string
		open func(port int) (stream, error)
		cpu  func() float64
	}
	clients := []client{{"raw", p.raw, cpuSeconds}, {"bare", p.bare, cpuSeconds}, {"ours", p.ours, cpuSeconds}}
	for _, direction := range []struct {
		name string
		port int
		move func(stream, int64) error
	}{{"up", portSink, upload}, {"down", portSource, download}} {
		b.Run(direction.name, func(b *testing.B) {
			clients, listener := clients, startListener(b, p, direction.port)
			if listener != nil {
				clients = append(clients[:3:3], client{"listener", func(int) (stream, error) { return listener.open() }, listener.cpu})
			}
			cost := map[string]float64{}
			const round = 256 << 20
			for range b.N {
				if listener != nil {
					cost["local"] += p.local(b, direction.name == "up", round) * (1 << 30) / round
				}
				for _, c := range clients {
					s, err := c.open(direction.port)
					if err != nil {
						b.Fatal(err)
					}
					before := c.cpu()
					if err := direction.move(s, round); err != nil {
						b.Fatalf("%s: %v", c.name, err)
					}
					cost[c.name] += (c.cpu() - before) * (1 << 30) / round
					s.Close()
				}
			}
			for name, cpu := range cost {
				b.ReportMetric(cpu/float64(b.N), name+"-cpu-s/GiB")
			}
			b.ReportMetric(cost["bare"]/cost["raw"], "bare/raw")
			b.ReportMetric(cost["ours"]/cost["bare"], "ours/bare")
			if listener != nil {
				b.ReportMetric(cost["listener"]/cost["bare"], "listener/bare")
				b.ReportMetric(cost["listener"]/(cost["bare"]+cost["local"]), "listener/floor")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// stream is a client's connection; its far side discards, or sends without end.
type stream interface {
	io.ReadWriteCloser
	// settle returns when the far side has all that was written.
	settle() error
}

func upload(s stream, n int64) error {
	chunk := make([]byte, 2*frameSize)
	for ; n > 0; n -= int64(len(chunk)) {
		if _, err := s.Write(chunk); err != nil {
			return err
		}
	}
	return s.settle()
}

func download(s stream, n int64) error {
	for buf := make([]byte, 64<<10); n > 0; {
		m, err := s.Read(buf)
		if err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}

// frameSize is a masked frame around a DATA message of 16 KiB.
const frameSize = 8 + 6 + 16384

// Ports of the peer process's VM.
const (
	portEcho   = 7
	portSink   = 9
	portSource = 19
)

// peer is how the benchmark finds the peer process.
type peer struct {
	URL       string // the relay
	RawSink   string // TLS alone
	RawSource string
	Sink      string // plain TCP
	Source    string
	CA        []byte
	tls       *tls.Config
	wrap      func(net.Conn) net.Conn
}

// startPeer runs this test binary as the peer process.
func startPeer(b *testing.B) *peer {
	b.Helper()
	p := &peer{}
	apart.Start(b, p)
	p.tls = trusting(p.CA)
	return p
}

// runPeer is the peer process; it ends when its stdin does.
func runPeer() error {
	s := iaptest.NewUnstartedServer()
	s.AckEvery = 256 << 10 // the cost of reading ACKs is not what is compared
	s.Start()
	defer s.Close()
	s.Handle("vm", portSink, iaptest.Serve(discard))
	s.Handle("vm", portSource, iaptest.Serve(pour))
	s.Handle("vm", portEcho, iaptest.Echo())
	p := peer{URL: s.URL, CA: s.CACert()}
	for _, raw := range []struct {
		addr  *string
		serve func(net.Conn)
	}{{&p.RawSink, discard}, {&p.RawSource, pourFrames}} {
		l, err := tls.Listen("tcp", "127.0.0.1:0", selfSigned())
		if err != nil {
			return err
		}
		defer l.Close()
		*raw.addr = l.Addr().String()
		go serveAll(l, raw.serve)
	}
	for _, plain := range []struct {
		addr  *string
		serve func(net.Conn)
	}{{&p.Sink, discard}, {&p.Source, pour}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		*plain.addr = l.Addr().String()
		go serveAll(l, plain.serve)
	}
	return apart.Serve(p)
}

// selfSigned is a certificate for the raw servers.
func selfSigned() *tls.Config {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates, DynamicRecordSizingDisabled: true}
}

func serveAll(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go serve(c)
	}
}

func discard(c net.Conn) {
	defer c.Close()
	for buf := make([]byte, 64<<10); ; {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

func pour(c net.Conn) { pourBy(c, 64<<10) }

func pourFrames(c net.Conn) { pourBy(c, frameSize) }

func pourBy(c net.Conn, n int) {
	defer c.Close()
	for buf := make([]byte, n); ; {
		if _, err := c.Write(buf); err != nil {
			return
		}
	}
}

func (p *peer) ours(port int) (stream, error) {
	d := &iap.Dialer{
		URL:       p.URL,
		TLSConfig: p.tls,
		NetDial:   p.dialTCP,
		Token:     func(context.Context, string) (string, error) { return "token", nil },
	}
	c, err := d.Dial(context.Background(), iap.Target{Project: "p", Zone: "z", Instance: "vm", Port: port})
	return oursStream{c}, err
}

type oursStream struct{ *iap.Conn }

func (s oursStream) settle() error {
	for s.Unconfirmed() > 0 {
		if _, err := s.Write(nil); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // a benchmark must not spin
	}
	return nil
}

func (p *peer) raw(port int) (stream, error) {
	addr := p.RawSink
	if port == portSource {
		addr = p.RawSource
	}
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
	return rawStream{c}, err
}

type rawStream struct{ *tls.Conn }

func (s rawStream) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = s.Conn.Write(p[n:min(n+frameSize, len(p))])
		n += m
	}
	return n, err
}

func (s rawStream) settle() error { return nil }

// local is the CPU time, in seconds, that n bytes from a local socket cost, which a listener uploads; or to one, downloading.
func (p *peer) local(b *testing.B, up bool, n int64) float64 {
	addr := p.Sink
	if up {
		addr = p.Source
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	before := cpuSeconds()
	buf := make([]byte, 64<<10)
	for n > 0 && err == nil {
		var m int
		if up {
			m, err = c.Read(buf)
		} else {
			m, err = c.Write(buf)
		}
		n -= int64(m)
	}
	if err != nil {
		b.Fatal(err)
	}
	return cpuSeconds() - before
}

// bareStream is the least that speaks the protocol.
type bareStream struct {
	conn  *tls.Conn
	in    *bufio.Reader
	out   []byte // one frame
	left  int    // of the DATA payload being read
	taken uint64
	acked uint64
	acks  chan uint64 // the relay's, when uploading
	sent  uint64
}

func (p *peer) bare(port int) (stream, error) {
	c, err := p.dialTLS(p.URL[len("wss://") : len(p.URL)-len("/v4")])
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, 16)
	rand.Read(nonce)
	fmt.Fprintf(c, "GET /v4/connect?project=p&zone=z&instance=vm&interface=nic0&port=%d HTTP/1.1\r\nHost: %s\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"+
		"Sec-WebSocket-Protocol: relay.tunnel.cloudproxy.app\r\nOrigin: bot:iap-tunneler\r\nAuthorization: Bearer token\r\n\r\n",
		port, c.RemoteAddr(), base64.StdEncoding.EncodeToString(nonce))
	s := &bareStream{conn: c, in: bufio.NewReaderSize(c, 32<<10), acks: make(chan uint64, 1)}
	resp, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New(resp.Status)
	}
	_, n, err := s.frame() // the session id
	if err != nil {
		return nil, err
	}
	if _, err := s.in.Discard(n); err != nil {
		return nil, err
	}
	if port == portSink {
		go s.readAcks()
	}
	return s, nil
}

// frame reads the header of a frame and of the message in it.
func (s *bareStream) frame() (tag uint16, n int, err error) {
	var head [16]byte
	if _, err := io.ReadFull(s.in, head[:2]); err != nil {
		return 0, 0, err
	}
	size := int(head[1])
	if size == 126 {
		if _, err := io.ReadFull(s.in, head[2:4]); err != nil {
			return 0, 0, err
		}
		size = int(binary.BigEndian.Uint16(head[2:]))
	}
	if head[0] != 0x82 || size < 6 {
		return 0, 0, fmt.Errorf("frame % x", head[:4])
	}
	if _, err := io.ReadFull(s.in, head[4:10]); err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint16(head[4:]), size - 6, nil
}

func (s *bareStream) readAcks() {
	defer close(s.acks)
	for {
		_, n, err := s.frame()
		if err != nil {
			return
		}
		rest := make([]byte, n)
		if _, err := io.ReadFull(s.in, rest); err != nil {
			return
		}
		if n == 4 {
			select {
			case <-s.acks:
			default:
			}
			s.acks <- uint64(binary.BigEndian.Uint32(rest))
		}
	}
}

func (s *bareStream) send(tag uint16, head []byte, payload []byte) error {
	n := 2 + len(head) + len(payload)
	s.out = append(s.out[:0], 0x82)
	if n < 126 {
		s.out = append(s.out, 0x80|byte(n))
	} else {
		s.out = append(s.out, 0x80|126, byte(n>>8), byte(n))
	}
	at := len(s.out)
	s.out = binary.LittleEndian.AppendUint32(s.out, mathrand.Uint32())
	s.out = binary.BigEndian.AppendUint16(s.out, tag)
	s.out = append(s.out, head...)
	s.out = append(s.out, payload...)
	mask(s.out[at+4:], s.out[at:at+4])
	_, err := s.conn.Write(s.out)
	return err
}

func mask(b, key []byte) {
	k := uint64(binary.LittleEndian.Uint32(key))
	k |= k << 32
	for ; len(b) >= 64; b = b[64:] {
		for i := 0; i < 64; i += 8 {
			binary.LittleEndian.PutUint64(b[i:], binary.LittleEndian.Uint64(b[i:])^k)
		}
	}
	for i := range b {
		b[i] ^= key[i%4]
	}
}

func (s *bareStream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		part := p[n:min(n+16384, len(p))]
		if err := s.send(4, binary.BigEndian.AppendUint32(nil, uint32(len(part))), part); err != nil {
			return n, err
		}
		n += len(part)
	}
	s.sent += uint64(n)
	return n, nil
}

func (s *bareStream) settle() error {
	for ack := range s.acks {
		if ack == s.sent&0xffffffff {
			return nil
		}
	}
	return io.ErrUnexpectedEOF
}

func (s *bareStream) Read(p []byte) (int, error) {
	for s.left == 0 {
		tag, n, err := s.frame()
		if err != nil {
			return 0, err
		}
		if tag == 4 {
			s.left = n
		} else if _, err := s.in.Discard(n); err != nil {
			return 0, err
		}
	}
	n, err := s.in.Read(p[:min(len(p), s.left)])
	s.left -= n
	s.taken += uint64(n)
	if s.taken-s.acked >= 32<<10 {
		s.acked = s.taken
		if err := s.send(7, binary.BigEndian.AppendUint64(nil, s.acked), nil); err != nil {
			return n, err
		}
	}
	return n, err
}

func (s *bareStream) Close() error { return s.conn.Close() }
