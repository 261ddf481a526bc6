package creds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"time"

	"github.com/googleapis/enterprise-certificate-proxy/client"
)

// A company that admits only its own devices (context-aware access, certificate-based access) wants to see a certificate of
// theirs in each request. It comes from one of two files, in this order, as in gcloud:
//
//   - certificate_config.json names files (cert_configs.workload), or a helper of Google's that signs with a key which does not
//     leave the system's key store (Enterprise Certificate Proxy)
//   - context_aware_metadata.json, which Endpoint Verification writes, names a command that prints certificate and key
//
// A certificate that cannot be had is an error, and no reason to go without.

// certificateTimeout bounds the wait for a helper.
const certificateTimeout = 30 * time.Second

// CertificateFiles are where a client's certificate may come from. They need not exist.
type CertificateFiles struct {
	Config   string // certificate_config.json
	Metadata string // context_aware_metadata.json
}

// ClientCertificateError says that the certificate of this device cannot be had.
type ClientCertificateError struct {
	Origin string // the file that leads to it, or the files that are not there
	Err    error
}

func (e *ClientCertificateError) Error() string {
	err := e.Err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) && pe.Path == e.Origin {
		err = pe.Err // the path is said already
	}
	return fmt.Sprintf("no client certificate from %s: %v", e.Origin, err)
}

func (e *ClientCertificateError) Unwrap() error { return e.Err }

// Causes of a ClientCertificateError, besides those of files and commands.
var (
	ErrNoCertificateSource = errors.New("there is neither file")
	ErrCertificateExpired  = errors.New("the certificate has expired")
	errEncryptedKey        = errors.New("the key is encrypted")
	errNoKey               = errors.New("no certificate, or no key, in PEM form")
	errNoAnswer            = errors.New("no answer in time")
)

// ClientCertificate is a certificate that is being got. It starts one goroutine, which ends with the getting.
type ClientCertificate struct {
	done        chan struct{} // closed when what follows is set
	certificate *tls.Certificate
	err         error
}

// GetClientCertificate begins to get the certificate, beside what else there is to do.
func GetClientCertificate(from CertificateFiles) *ClientCertificate {
	c := &ClientCertificate{done: make(chan struct{})}
	go c.get(from)
	return c
}

func (c *ClientCertificate) get(from CertificateFiles) {
	defer close(c.done)
	ctx, cancel := context.WithTimeout(context.Background(), certificateTimeout)
	defer cancel()
	c.certificate, c.err = from.certificate(ctx)
}

// Wait waits for the certificate. The error is a *ClientCertificateError, or the context's.
func (c *ClientCertificate) Wait(ctx context.Context) (*tls.Certificate, error) {
	select {
	case <-c.done:
		return c.certificate, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Configure returns base with the certificate. A handshake fails if it cannot be had, whether the server asks for it or not.
func (c *ClientCertificate) Configure(base *tls.Config) *tls.Config {
	cfg := base.Clone()
	cfg.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return c.Wait(info.Context())
	}
	cfg.VerifyConnection = func(tls.ConnectionState) error {
		_, err := c.Wait(context.Background()) // ends within certificateTimeout
		return err
	}
	return cfg
}

func (f CertificateFiles) certificate(ctx context.Context) (*tls.Certificate, error) {
	path, get := f.Config, configured
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		path, get = f.Metadata, provided
		data, err = readFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &ClientCertificateError{Origin: f.Config + " or " + f.Metadata, Err: ErrNoCertificateSource}
	}
	var certificate *tls.Certificate
	if err == nil {
		certificate, err = get(ctx, path, data)
	}
	if err == nil {
		err = current(certificate)
	}
	if err != nil {
		return nil, &ClientCertificateError{Origin: path, Err: err}
	}
	return certificate, nil
}

// current refuses a certificate that servers would refuse in darker words.
func current(c *tls.Certificate) error {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return err
	}
	if time.Now().After(leaf.NotAfter) {
		return fmt.Errorf("%w on %s", ErrCertificateExpired, leaf.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// configured gets what certificate_config.json leads to.
func configured(ctx context.Context, path string, data []byte) (*tls.Certificate, error) {
	var config struct {
		CertConfigs struct {
			Workload *struct {
				Cert string `json:"cert_path"`
				Key  string `json:"key_path"`
			} `json:"workload"`
		} `json:"cert_configs"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if files := config.CertConfigs.Workload; files != nil {
		certificate, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		return &certificate, err
	}
	signer := &signer{done: make(chan struct{})}
	go signer.start(path)
	select {
	case <-signer.done:
		return signer.certificate, signer.err
	case <-ctx.Done():
		return nil, errNoAnswer
	}
}

// signer is Enterprise Certificate Proxy's helper, a process that lives as long as this one.
type signer struct {
	done        chan struct{} // closed when what follows is set
	certificate *tls.Certificate
	err         error
}

func (s *signer) start(config string) {
	defer close(s.done)
	key, err := client.Cred(config)
	switch {
	case errors.Is(err, client.ErrCredUnavailable):
		s.err = fmt.Errorf("%w: neither libs.ecp nor cert_configs.workload", ErrMalformed)
	case err != nil:
		s.err = err
	case len(key.CertificateChain()) == 0:
		s.err = errNoKey
	default:
		s.certificate = &tls.Certificate{Certificate: key.CertificateChain(), PrivateKey: key}
	}
}

// provided runs the command that context_aware_metadata.json names.
func provided(ctx context.Context, _ string, data []byte) (*tls.Certificate, error) {
	var metadata struct {
		Command []string `json:"cert_provider_command"`
	}
	if err := json.Unmarshal(data, &metadata); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if len(metadata.Command) == 0 {
		return nil, fmt.Errorf("%w: no cert_provider_command", ErrMalformed)
	}
	cmd := exec.CommandContext(ctx, metadata.Command[0], metadata.Command[1:]...)
	cmd.WaitDelay = time.Second // for a grandchild that holds the pipe
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = errNoAnswer
	}
	if err != nil {
		return nil, fmt.Errorf("cert_provider_command %s: %w", metadata.Command[0], err)
	}
	return parsePair(out)
}

// parsePair finds certificates and a key in PEM, in any order and with other blocks between them.
func parsePair(text []byte) (*tls.Certificate, error) {
	var certificates, key []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE":
			certificates = append(certificates, pem.EncodeToMemory(block)...)
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, errEncryptedKey
		case strings.HasSuffix(block.Type, "PRIVATE KEY") && key == nil:
			key = pem.EncodeToMemory(block)
		}
	}
	if certificates == nil || key == nil {
		return nil, errNoKey
	}
	pair, err := tls.X509KeyPair(certificates, key)
	return &pair, err
}
