package main

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/gob"
	"encoding/json"
	"io"
	"log"
	"net/rpc"
	"os"
)

// fakeECP is the helper of Enterprise Certificate Proxy, a program of its own: it signs with the key of the PEM file that its
// configuration names, and is asked over stdin and stdout (enterprise-certificate-proxy/client).
func fakeECP() {
	var config struct {
		CertConfigs struct {
			Test struct{ Bundle string }
		} `json:"cert_configs"`
	}
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		log.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(config.CertConfigs.Test.Bundle, config.CertConfigs.Test.Bundle)
	if err != nil {
		log.Fatal(err)
	}
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		gob.Register(hash)
	}
	server := rpc.NewServer()
	if err := server.RegisterName("EnterpriseCertSigner", &ecpSigner{pair}); err != nil {
		log.Fatal(err)
	}
	server.ServeConn(struct {
		io.Reader
		io.WriteCloser
	}{os.Stdin, os.Stdout})
}

// ecpSigner has the methods that clients call.
type ecpSigner struct{ pair tls.Certificate }

func (s *ecpSigner) CertificateChain(_ struct{}, chain *[][]byte) error {
	*chain = s.pair.Certificate
	return nil
}

func (s *ecpSigner) Public(_ struct{}, der *[]byte) (err error) {
	*der, err = x509.MarshalPKIXPublicKey(s.pair.PrivateKey.(crypto.Signer).Public())
	return err
}

func (s *ecpSigner) Sign(args struct {
	Digest []byte
	Opts   crypto.SignerOpts
}, signature *[]byte) (err error) {
	*signature, err = s.pair.PrivateKey.(crypto.Signer).Sign(rand.Reader, args.Digest, args.Opts)
	return err
}
