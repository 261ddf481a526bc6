package creds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// authority writes a self-signed certificate and returns it and its path.
func authority(t *testing.T, name string) (*x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return cert, path
}

func TestRoots(t *testing.T) {
	if pool, err := Roots(""); pool != nil || err != nil {
		t.Errorf("no file: %v, %v", pool, err)
	}
	cert, path := authority(t, "corporate proxy")
	pool, err := Roots(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool}); err != nil {
		t.Errorf("certificate of the file: %v", err)
	}
	stranger, _ := authority(t, "stranger")
	if _, err := stranger.Verify(x509.VerifyOptions{Roots: pool}); err == nil {
		t.Error("a certificate of nobody is believed")
	}
	// The pool of one caller is not that of the next.
	system, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: system}); err == nil {
		t.Error("the certificate of the file got into the system's pool")
	}
}

func TestRootsUnusable(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("no PEM here"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		file string
		want error
		text string
	}{
		{empty, ErrNoCertificate, "certificates of " + empty + ": no certificate in PEM form"},
		{filepath.Join(empty, "none"), nil, ""},
		{empty + "2", fs.ErrNotExist, ""},
	}
	for _, tt := range tests {
		_, err := Roots(tt.file)
		var re *RootsError
		if !errors.As(err, &re) || re.File != tt.file || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.file, err)
		}
		if tt.text != "" && err.Error() != tt.text {
			t.Errorf("got %s", err)
		}
	}
}

// The system's pool is read once in the life of a process, so this needs one
// with its own SSL_CERT_FILE.
func TestRootsKeepTheSystems(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("SSL_CERT_FILE has no meaning here")
	}
	const system, custom = "TEST_SYSTEM_ROOT", "TEST_CUSTOM_ROOT"
	if os.Getenv(system) == "" {
		_, systemFile := authority(t, "system")
		_, customFile := authority(t, "custom")
		cmd := exec.Command(os.Args[0], "-test.run=^TestRootsKeepTheSystems$")
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+systemFile, "SSL_CERT_DIR="+t.TempDir(),
			system+"="+systemFile, custom+"="+customFile)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	pool, err := Roots(os.Getenv(custom))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{system, custom} {
		b, err := os.ReadFile(os.Getenv(name))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(b)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
