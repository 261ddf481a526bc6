package knownhosts

import (
	"bytes"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"
)

const certSuffix = "-cert-v01@openssh.com"

// keyFormat returns the key format that a signature algorithm belongs to: RSA
// keys sign under three names.
func keyFormat(algorithm string) string {
	switch algorithm {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return ssh.KeyAlgoRSA
	}
	return algorithm
}

// plainFormat is keyFormat of the key inside a certificate.
func plainFormat(algorithm string) string {
	base, ok := strings.CutSuffix(algorithm, certSuffix)
	if ok && strings.HasPrefix(base, "sk-") {
		base += "@openssh.com"
	}
	return keyFormat(base)
}

func isCert(algorithm string) bool { return strings.HasSuffix(algorithm, certSuffix) }

// TypeName returns the short name of a key's type that OpenSSH shows to users:
// ED25519, ECDSA, RSA, and so on, with -CERT for certificates.
func TypeName(key ssh.PublicKey) string {
	name := "unknown"
	switch plainFormat(key.Type()) {
	case ssh.KeyAlgoED25519:
		name = "ED25519"
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		name = "ECDSA"
	case ssh.KeyAlgoRSA:
		name = "RSA"
	case ssh.KeyAlgoSKED25519:
		name = "ED25519-SK"
	case ssh.KeyAlgoSKECDSA256:
		name = "ECDSA-SK"
	case "ssh-dss": // never offered, but may stand in a file
		name = "DSA"
	}
	if isCert(key.Type()) {
		name += "-CERT"
	}
	return name
}

func keyText(key ssh.PublicKey) string {
	return base64.StdEncoding.EncodeToString(key.Marshal())
}

// plainKey returns the key inside a certificate, or key itself.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

func equal(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
