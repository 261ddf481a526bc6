package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/transport/iap/proxy/proxytest"
)

// Between a story's process and the lab's Google there may be a way as long as the real one: names, TLS, and a proxy.
//
//	frontend [certificate]       the APIs go by their names from now on, and the relay by its own, so that only a proxy or an
//	                             endpoint leads to them. With certificate only those of mTLS do, for who shows that of
//	                             command.json, files.json or ecp.json: see layOut
//	proxy SCHEME [USER:PASSWORD]  starts a proxy, at $PROXY, which is $PROXY_HOST:$PROXY_PORT
//	refuse STATUS [HEADER: VALUE] makes the proxy answer everything so
//	asked ADDR...                checks whom the proxy was asked for, in the order of the alphabet

// publicFiles is a host of Google's that is no API: nobody has to show anything there.
const publicFiles = "www.gstatic.com"

// front is Google's front end for the APIs, with TLS and by name.
type front struct {
	*httptest.Server
	certified bool // names of mTLS, and a certificate, are demanded
}

// way is what lies between a story's process and the lab's Google.
type way struct {
	front *front
	proxy *proxytest.Server
}

// wayKey finds a story's way.
type wayKey struct{}

func wayOf(ts *testscript.TestScript) *way { return ts.Value(wayKey{}).(*way) }

func frontEnd(ts *testscript.TestScript, neg bool, args []string) {
	l := ts.Value(labKey{}).(*lab.Lab)
	server, client, bundle := certificates(ts)
	f := &front{certified: slices.Equal(args, []string{"certificate"})}
	api, err := url.Parse(l.Google.URL)
	ts.Check(err)
	f.Server = httptest.NewUnstartedServer(f.check(httputil.NewSingleHostReverseProxy(api)))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.TLS = &tls.Config{Certificates: []tls.Certificate{server}}
	if f.certified {
		f.TLS.ClientAuth, f.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		f.TLS.ClientCAs.AddCert(client.Leaf)
		ts.Check(layOut(ts.MkAbs, bundle))
	}
	f.StartTLS()
	ts.Defer(f.Close)
	wayOf(ts).front = f

	adc := strings.Replace(string(l.Google.AuthorizedUser()), l.Google.TokenURL(), "https://oauth2.googleapis.com/token", 1)
	ts.Check(os.WriteFile(ts.MkAbs("google.json"), []byte(adc), 0o600))
	ts.Setenv("GOOGLE_APPLICATION_CREDENTIALS", ts.MkAbs("google.json"))
	ts.Check(os.WriteFile(ts.MkAbs("trusted.pem"), slices.Concat(l.Relay.CACert(), encodeCertificate(server.Leaf.Raw)), 0o600))
	ts.Setenv("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", ts.MkAbs("trusted.pem"))
	ts.Setenv("IAPSSH_RELAY_URL", "")
}

// layOut writes the files by which a client's certificate is found: by a command, as files, and behind Enterprise Certificate Proxy.
func layOut(place func(string) string, bundle []byte) error {
	cert, key := pem.Decode(bundle)
	helper, err := exec.LookPath("fake-ecp")
	if err != nil {
		return err
	}
	type object map[string]any
	for name, content := range map[string]any{
		"client.pem": bundle, "cert.pem": pem.EncodeToMemory(cert), "key.pem": key,
		"command.json": object{"cert_provider_command": []string{"cat", place("client.pem")}},
		"files.json":   object{"cert_configs": object{"workload": object{"cert_path": place("cert.pem"), "key_path": place("key.pem")}}},
		"ecp.json":     object{"libs": object{"ecp": helper}, "cert_configs": object{"test": object{"bundle": place("client.pem")}}},
	} {
		text, isText := content.([]byte)
		if !isText {
			if text, err = json.Marshal(content); err != nil {
				return err
			}
		}
		if err := os.WriteFile(place(name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// check lets through what goes to an API by the right name.
func (f *front) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ofAPI := r.Host != publicFiles
		if r.TLS.ServerName != r.Host || ofAPI && strings.Contains(r.Host, ".mtls.") != f.certified {
			http.Error(w, "wrong host", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func startProxy(ts *testscript.TestScript, neg bool, args []string) {
	var user *url.Userinfo
	if len(args) > 1 {
		name, password, _ := strings.Cut(args[1], ":")
		user = url.UserPassword(name, password)
	}
	p, err := proxytest.New(args[0], user)
	ts.Check(err)
	ts.Defer(p.Close)
	l := ts.Value(labKey{}).(*lab.Lab)
	f := wayOf(ts).front
	p.Dial = func(network, addr string) (net.Conn, error) {
		if strings.HasSuffix(addr, ".googleapis.com:443") || addr == publicFiles+":443" {
			return net.Dial("tcp", f.Listener.Addr().String())
		}
		if strings.HasSuffix(addr, ".cloudproxy.app:443") || strings.HasSuffix(addr, ".run.app:443") {
			return l.Relay.NetDial(context.Background(), network, addr)
		}
		return nil, fmt.Errorf("nothing is at %s", addr)
	}
	wayOf(ts).proxy = p
	ts.Setenv("PROXY", p.URL.String())
	ts.Setenv("PROXY_HOST", p.URL.Hostname())
	ts.Setenv("PROXY_PORT", p.URL.Port())
	trusted, err := os.OpenFile(ts.Getenv("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	defer trusted.Close()
	_, err = trusted.Write(p.CACert())
	ts.Check(err)
}

func refuse(ts *testscript.TestScript, neg bool, args []string) {
	var status int
	_, err := fmt.Sscan(args[0], &status)
	ts.Check(err)
	wayOf(ts).proxy.Refuse(func(w http.ResponseWriter, _ *http.Request) {
		for _, header := range args[1:] {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(status)
	})
}

func asked(ts *testscript.TestScript, neg bool, args []string) {
	got := wayOf(ts).proxy.Asked()
	slices.Sort(got)
	got = slices.Compact(got) // how many connections a host gets is for another test
	if !slices.Equal(got, args) {
		ts.Fatalf("the proxy was asked for %q", got)
	}
}

// certificates makes the front's, for all names of APIs, and a client's, also as PEM with its key. Each is its own authority.
func certificates(ts *testscript.TestScript) (server, client tls.Certificate, bundle []byte) {
	var made []tls.Certificate
	for _, names := range [][]string{{"*.googleapis.com", "*.mtls.googleapis.com", publicFiles}, nil} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a story's"}, DNSNames: names,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		ts.Check(err)
		leaf, err := x509.ParseCertificate(der)
		ts.Check(err)
		made = append(made, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf})
	}
	var b bytes.Buffer
	b.Write(encodeCertificate(made[1].Leaf.Raw))
	der, err := x509.MarshalECPrivateKey(made[1].PrivateKey.(*ecdsa.PrivateKey))
	ts.Check(err)
	ts.Check(pem.Encode(&b, &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	return made[0], made[1], b.Bytes()
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
