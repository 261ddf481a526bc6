package creds

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
)

// ErrNoCertificate is wrapped by a RootsError for a file without any.
var ErrNoCertificate = errors.New("no certificate in PEM form")

// RootsError says that the certificates to trust cannot be read.
type RootsError struct {
	File string // "" means the system's
	Err  error  // an *fs.PathError, ErrNoCertificate, or what the system says
}

func (e *RootsError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("certificates of the system: %v", e.Err)
	}
	err := e.Err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err // the path is said already
	}
	return fmt.Sprintf("certificates of %s: %v", e.File, err)
}

func (e *RootsError) Unwrap() error { return e.Err }

// Roots returns whose certificates are believed: those the system believes
// (on Linux and the BSDs SSL_CERT_FILE and SSL_CERT_DIR say where they are)
// and those in file, which CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE names. An empty
// file yields nil, which crypto/tls takes as the system's. The error is a
// *RootsError.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := readFile(file)
	if err != nil {
		return nil, &RootsError{File: file, Err: err}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, &RootsError{Err: err}
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &RootsError{File: file, Err: ErrNoCertificate}
	}
	return pool, nil
}
