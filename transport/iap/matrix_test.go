package iap_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
	"github.com/iapssh/iapssh/transport/iap/proxy/proxytest"
)

// kinds are the kinds of targets, with the relays that serve them: without a client's certificate and with one.
var kinds = map[string]struct {
	target        iap.Target
	relay, secure string
	seen          iaptest.Target
}{
	"VM": {
		iap.Target{Project: "p", Zone: "z", Instance: "vm", Interface: "nic1", Port: 22},
		"tunnel.cloudproxy.app:443", "mtls.tunnel.cloudproxy.app:443",
		iaptest.Target{Project: "p", Zone: "z", Instance: "vm", Interface: "nic1", Port: 22},
	},
	"host": {
		iap.Target{Project: "p", Region: "r", Network: "n", Host: "10.0.0.5", DestGroup: "g", Port: 22},
		"tunnel.cloudproxy.app:443", "mtls.tunnel.cloudproxy.app:443",
		iaptest.Target{Project: "p", Region: "r", Network: "n", Host: "10.0.0.5", Group: "g", Port: 22},
	},
	"Cloud Run": {
		iap.Target{Project: "p", Region: "r", Port: 22, Workload: iap.Workload{Type: "job", Name: "j", ProjectNumber: "42", Instance: "i"}},
		"r.ssh.run.app:443", "r.ssh.run.app:443",
		iaptest.Target{Project: "p", Region: "r", ProjectNumber: "42", WorkloadType: "job", Deployment: "j", WorkloadInstance: "i", Port: 22},
	},
}

// Every kind of target, by every way, with and without a client's certificate, which the relay then insists on: all bytes arrive,
// also when the link is cut in between.
func TestEveryWay(t *testing.T) {
	certificate, authority := clientCertificate(t)
	for kind, k := range kinds {
		for _, way := range []string{"direct", "http", "https", "socks5h", "PSC"} {
			for name, relay := range map[string]string{"bearer": k.relay, "bearer and certificate": k.secure} {
				t.Run(kind+"/"+way+"/"+name, func(t *testing.T) {
					t.Parallel()
					backend, accepted := handOver()
					s, d := relayOf(t, backend, func(s *iaptest.Server) {
						if name != "bearer" {
							s.ClientCAs = authority
						}
					})
					if name != "bearer" {
						d.TLSConfig.Certificates = []tls.Certificate{certificate}
					}
					asked := leadBy(t, d, s, way)
					c, err := d.Dial(t.Context(), k.target)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					far := <-accepted
					defer far.Close()
					for cut := range 2 {
						if err := exchange(c, far, 100<<10, byte(cut)); err != nil {
							t.Fatal(err)
						}
						if cut == 0 {
							s.Strike(iaptest.Fault{Do: iaptest.Reset})
						}
					}
					if info := s.Sessions()[0]; info.Target != k.seen || info.Links != 2 {
						t.Errorf("the relay saw %+v by %d links", info.Target, info.Links)
					}
					if way == "PSC" {
						relay = "psc.example:443"
					}
					if got := asked(); !slices.Equal(got, []string{relay, relay}) {
						t.Errorf("asked for %q, want %s twice", got, relay)
					}
				})
			}
		}
	}
}

// relayOf is relay for all kinds of targets, whose dialer goes to the relay that serves the target.
func relayOf(t *testing.T, backend iaptest.Backend, configure func(*iaptest.Server)) (*iaptest.Server, *iap.Dialer) {
	t.Helper()
	s, d := relay(t, backend, configure)
	for _, name := range []string{"10.0.0.5", "j"} {
		s.Handle(name, 22, backend)
	}
	d.URL = ""
	return s, d
}

// leadBy makes the dialer take a way to the relay, and gives a function for the addresses that were asked for on it.
func leadBy(t *testing.T, d *iap.Dialer, s *iaptest.Server, way string) (asked func() []string) {
	t.Helper()
	if way == "direct" || way == "PSC" {
		var dialled []string
		d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled = append(dialled, addr)
			return s.NetDial(ctx, network, addr)
		}
		d.Proxy = func(*url.URL) (*url.URL, error) { return nil, nil }
		if way == "PSC" {
			d.Endpoint = "psc.example"
			d.Proxy = func(*url.URL) (*url.URL, error) { return nil, errors.New("asked about a proxy for an endpoint") }
		}
		return func() []string { return dialled }
	}
	p, err := proxytest.New(way, url.UserPassword("ali", "opensesame"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.Dial = func(network, addr string) (net.Conn, error) { return s.NetDial(context.Background(), network, addr) }
	if way == "https" {
		d.TLSConfig.RootCAs.AppendCertsFromPEM(p.CACert())
	}
	d.NetDial = nil
	d.Proxy = func(relay *url.URL) (*url.URL, error) {
		if relay.Scheme != "https" {
			t.Errorf("asked about a proxy for %s", relay)
		}
		return p.URL, nil
	}
	return p.Asked
}

// A relay that wants a certificate and is shown none, or another's, is not talked to.
func TestRelayWantsACertificate(t *testing.T) {
	_, authority := clientCertificate(t)
	stranger, _ := clientCertificate(t)
	for name, certificates := range map[string][]tls.Certificate{"none": nil, "another's": {stranger}} {
		t.Run(name, func(t *testing.T) {
			backend, _ := handOver()
			_, d := relayOf(t, backend, func(s *iaptest.Server) { s.ClientCAs = authority })
			d.TLSConfig.Certificates = certificates
			err := failedDial(t, d, kinds["host"].target, iap.StageUpgrade)
			var alert tls.AlertError
			var link *iap.LinkError
			if !errors.As(err, &alert) && !errors.As(err, &link) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// clientCertificate makes a client's certificate and the authority that it is of.
func clientCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a device"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
