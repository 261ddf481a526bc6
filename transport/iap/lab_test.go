package iap_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	mathrand "math/rand/v2"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
	"github.com/iapssh/iapssh/transport/iap/iaptest/apart"
)

func TestMain(m *testing.M) {
	if apart.Here() {
		if err := runPeer(); err != nil {
			log.Fatal(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

var vm = iap.Target{Project: "proj", Zone: "zone-a", Instance: "vm", Port: 22}

// relay starts an emulator with one VM whose port 22 is served by backend. At the end of the test it must not have seen the
// client break a rule.
func relay(t testing.TB, backend iaptest.Backend, configure ...func(*iaptest.Server)) (*iaptest.Server, *iap.Dialer) {
	t.Helper()
	s := iaptest.NewUnstartedServer()
	for _, f := range configure {
		f(s)
	}
	s.Handle("vm", 22, backend)
	s.Start()
	t.Cleanup(func() {
		s.Close()
		if v := s.Violations(); len(v) > 0 {
			t.Errorf("the client broke rules:\n%s", iaptest.Report(v))
		}
	})
	return s, dialer(s)
}

func dialer(s *iaptest.Server) *iap.Dialer {
	return &iap.Dialer{
		URL:       s.URL,
		TLSConfig: s.ClientTLS(),
		NetDial:   s.NetDial,
		Token:     func(context.Context, string) (string, error) { return "token", nil },
	}
}

func dial(t testing.TB, d *iap.Dialer) *iap.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := d.Dial(ctx, vm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// pair gives both ends of one session: the client's Conn and the VM's connection.
func pair(t testing.TB, d *iap.Dialer, accepted <-chan net.Conn) (*iap.Conn, net.Conn) {
	t.Helper()
	c := dial(t, d)
	vmSide := <-accepted
	t.Cleanup(func() { vmSide.Close() })
	return c, vmSide
}

// handOver is a backend that gives its end of each session to the test.
func handOver() (iaptest.Backend, <-chan net.Conn) {
	accepted := make(chan net.Conn, 16)
	return func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		accepted <- ours
		return theirs, nil
	}, accepted
}

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// trusting gives a TLS configuration that believes one authority.
func trusting(ca []byte) *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{RootCAs: pool}
}

// exchange sends size bytes each way at once, in pieces of random length, and compares what arrives. The first failure ends it.
func exchange(a, b net.Conn, size int64, seed byte) error {
	failed := make(chan error, 4)
	go send(a, size, seed, failed)
	go send(b, size, seed+100, failed)
	go receive(b, size, seed, failed)
	go receive(a, size, seed+100, failed)
	var first error
	for range 4 {
		if err := <-failed; err != nil && first == nil {
			first = err
			a.Close()
			b.Close()
		}
	}
	return first
}

func noise(size int64, seed byte) io.Reader {
	return io.LimitReader(mathrand.NewChaCha8([32]byte{seed}), size)
}

func send(w io.Writer, size int64, seed byte, done chan<- error) {
	pieces := mathrand.New(mathrand.NewPCG(uint64(seed), 1))
	src := noise(size, seed)
	for buf := make([]byte, 128<<10); ; {
		n, err := src.Read(buf[:1+pieces.IntN(1<<pieces.IntN(18))])
		if err != nil {
			done <- nil
			return
		}
		if _, err := w.Write(buf[:n]); err != nil {
			done <- err
			return
		}
	}
}

func receive(r io.Reader, size int64, seed byte, done chan<- error) {
	want := noise(size, seed)
	buf, expected := make([]byte, 64<<10), make([]byte, 64<<10)
	for got := int64(0); got < size; {
		n, err := r.Read(buf)
		if n > 0 {
			io.ReadFull(want, expected[:n])
			if !bytes.Equal(buf[:n], expected[:n]) {
				done <- fmt.Errorf("the bytes differ within %d after %d", n, got)
				return
			}
			got += int64(n)
		}
		if err != nil && got < size {
			done <- fmt.Errorf("after %d bytes: %w", got, err)
			return
		}
	}
	done <- nil
}
