package iap_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"
)

// BenchmarkHandshake compares a TLS handshake with the resumption of an earlier one, both ends together, on loopback: what a process
// would save by keeping sessions for the next. A round trip it cannot save: TLS 1.3 takes one either way, and crypto/tls sends no
// early data.
func BenchmarkHandshake(b *testing.B) {
	server := selfSigned()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go serveAll(l, pour)
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(server.Certificates[0].Certificate[0])
	if err != nil {
		b.Fatal(err)
	}
	roots.AddCert(leaf)
	for _, resumed := range []bool{false, true} {
		b.Run(map[bool]string{false: "full", true: "resumed"}[resumed], func(b *testing.B) {
			cfg := &tls.Config{RootCAs: roots, ServerName: "example.com"}
			if resumed {
				cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				shakeHands(b, l.Addr().String(), cfg, false)
			}
			var took time.Duration
			for b.Loop() {
				took += shakeHands(b, l.Addr().String(), cfg, resumed)
			}
			b.ReportMetric(float64(took.Microseconds())/float64(b.N), "µs/handshake")
		})
	}
}

// shakeHands makes a connection and gives the time of its handshake. With the first byte comes the ticket.
func shakeHands(b *testing.B, addr string, cfg *tls.Config, resumed bool) time.Duration {
	b.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer raw.Close()
	conn := tls.Client(raw, cfg)
	begin := time.Now()
	if err := conn.Handshake(); err != nil {
		b.Fatal(err)
	}
	took := time.Since(begin)
	if got := conn.ConnectionState().DidResume; got != resumed {
		b.Fatalf("resumed: %v", got)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	return took
}
