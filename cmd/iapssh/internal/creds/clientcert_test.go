package creds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// device writes a certificate and its key, as one file and as two, and returns their paths.
func device(t *testing.T, until time.Time) (bundle, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: until.Add(-time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("bundle", append(append([]byte("Bag Attributes\n"), keyPEM...), certPEM...)), write("cert", certPEM), write("key", keyPEM)
}

// leadTo writes a configuration.
func leadTo(t *testing.T, content any) string {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type object map[string]any

func command(words ...string) object { return object{"cert_provider_command": words} }

func files(cert, key string) object {
	return object{"cert_configs": object{"workload": object{"cert_path": cert, "key_path": key}}}
}

func TestClientCertificate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are Unix's")
	}
	bundle, cert, key := device(t, time.Now().Add(time.Hour))
	stale, _, _ := device(t, time.Now().Add(-time.Minute))
	encrypted := filepath.Join(t.TempDir(), "encrypted")
	if err := os.WriteFile(encrypted, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	for name, tc := range map[string]struct {
		config, metadata string
		want             error  // nil: a certificate
		text             string // of the error
	}{
		"a command":               {none, leadTo(t, command("cat", bundle)), nil, ""},
		"files":                   {leadTo(t, files(cert, key)), none, nil, ""},
		"files before a command":  {leadTo(t, files(cert, key)), leadTo(t, command("false")), nil, ""},
		"neither file":            {none, none, ErrNoCertificateSource, none + " or " + none},
		"files that are not":      {leadTo(t, files(none, key)), leadTo(t, command("cat", bundle)), fs.ErrNotExist, none},
		"a key of another":        {leadTo(t, files(bundle, encrypted)), none, nil, "no client certificate"},
		"a configuration of none": {leadTo(t, object{}), none, ErrMalformed, "libs.ecp"},
		"a helper that is not":    {leadTo(t, object{"libs": object{"ecp": none}}), none, fs.ErrNotExist, none},
		"no JSON":                 {bundle, none, ErrMalformed, bundle},
		"a command that fails":    {none, leadTo(t, command("false")), nil, "cert_provider_command false: exit status 1"},
		"a command that is not":   {none, leadTo(t, command(none)), fs.ErrNotExist, none},
		"no command":              {none, leadTo(t, command()), ErrMalformed, "cert_provider_command"},
		"an encrypted key":        {none, leadTo(t, command("cat", cert, encrypted)), errEncryptedKey, "encrypted"},
		"no key":                  {none, leadTo(t, command("cat", cert)), errNoKey, "no key"},
		"an expired one":          {none, leadTo(t, command("cat", stale)), ErrCertificateExpired, "expired on"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := GetClientCertificate(CertificateFiles{Config: tc.config, Metadata: tc.metadata}).Wait(t.Context())
			if tc.text == "" {
				if err != nil || got.PrivateKey == nil {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			var failed *ClientCertificateError
			if !errors.As(err, &failed) || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// No request is sent without the certificate, not even to a server that does not ask for it.
func TestConfigure(t *testing.T) {
	bundle, cert, key := device(t, time.Now().Add(time.Hour))
	served := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		served++
		if len(r.TLS.PeerCertificates) != 1 {
			t.Error("a request without the certificate")
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	base := &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	get := func(from CertificateFiles, url string) error {
		transport := &http.Transport{TLSClientConfig: GetClientCertificate(from).Configure(base)}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get(url)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(CertificateFiles{Config: leadTo(t, files(cert, key))}, s.URL); err != nil || served != 1 {
		t.Errorf("%v, %d served", err, served)
	}
	indifferent := httptest.NewTLSServer(s.Config.Handler)
	defer indifferent.Close()
	for _, url := range []string{s.URL, indifferent.URL} {
		var failed *ClientCertificateError
		if err := get(CertificateFiles{Config: bundle}, url); !errors.As(err, &failed) || served != 1 {
			t.Errorf("%v, %d served", err, served)
		}
	}
}

// seen is a RoundTripper that keeps where it was sent.
type seen struct{ url string }

func (s *seen) RoundTrip(r *http.Request) (*http.Response, error) {
	s.url = r.URL.String()
	return nil, errors.New("far enough")
}

// Google's APIs are asked at their hosts for clients with a certificate, others without it, and what is Google's and has no such host
// not at all.
func TestCertified(t *testing.T) {
	for url, want := range map[string]struct{ with, without string }{
		"https://oauth2.googleapis.com/token":                        {with: "https://oauth2.mtls.googleapis.com/token"},
		"https://compute.googleapis.com:443/compute/v1/x?y=z":        {with: "https://compute.mtls.googleapis.com:443/compute/v1/x?y=z"},
		"https://IAMCREDENTIALS.googleapis.com/v1":                   {with: "https://iamcredentials.mtls.googleapis.com/v1"},
		"https://oslogin.mtls.googleapis.com/v1":                     {with: "https://oslogin.mtls.googleapis.com/v1"},
		"https://sts.us-east1.rep.googleapis.com/v1":                 {with: "https://sts.us-east1.rep.mtls.googleapis.com/v1"},
		"https://europe-west1-run.googleapis.com/apis":               {with: "https://europe-west1-run.mtls.googleapis.com/apis"},
		"https://www.gstatic.com/cloud-run/keys.pub":                 {without: "https://www.gstatic.com/cloud-run/keys.pub"},
		"http://oauth2.googleapis.com/token":                         {},
		"https://accounts.google.com/o/oauth2/token":                 {},
		"https://googleapis.com/":                                    {},
		"https://login.microsoftonline.com/tenant/token":             {without: "https://login.microsoftonline.com/tenant/token"},
		"https://oauth2.googleapis.com.example/token":                {without: "https://oauth2.googleapis.com.example/token"},
		"http://127.0.0.1:8080/token":                                {without: "http://127.0.0.1:8080/token"},
		"http://169.254.169.254/latest/meta-data/iam/security-creds": {without: "http://169.254.169.254/latest/meta-data/iam/security-creds"},
	} {
		with, without := &seen{}, &seen{}
		r, err := http.NewRequest("POST", url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Certified{With: with, Without: without}.RoundTrip(r)
		var unsent *NoMTLSHostError
		if with.url != want.with || without.url != want.without || errors.As(err, &unsent) != (want.with == "" && want.without == "") {
			t.Errorf("%s: with %q, without %q, %v", url, with.url, without.url, err)
		}
		if r.URL.String() != url {
			t.Errorf("%s: the caller's request became %s", url, r.URL)
		}
	}
}
