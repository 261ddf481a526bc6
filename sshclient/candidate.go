package sshclient

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// candidate is a key that may be offered.
type candidate struct {
	source   string        // path, or the agent's comment
	public   ssh.PublicKey // nil: known only once the file is decrypted
	explicit bool          // the user named the file
	agent    bool          // signer is the agent
	signer   ssh.Signer    // the agent's or the caller's; nil with a file
	file     *keyFile      // the private key file; nil with a signer, and for a public key alone
}

var (
	errNoPrivate   = errors.New("no private key here, and the agent does not hold it")
	errNoAlgorithm = errors.New("corresponding algorithm not in PubkeyAcceptedAlgorithms")
)

// policy is what the configuration demands of keys.
type policy struct {
	accepted []string // names of signature algorithms; those of certificates have names of their own
	minRSA   int      // bits
}

// open returns what signs for the candidate, asking for a passphrase if it must.
func (c *candidate) open(ctx context.Context, ask passphraser) (ssh.Signer, error) {
	switch {
	case c.signer != nil:
		return c.signer, nil
	case c.file != nil:
		return c.file.unlock(ctx, ask)
	default:
		return nil, errNoPrivate
	}
}

// ready says whether the candidate can be offered, before the server is asked
// about it: a key that could not sign would only use up one of the server's few
// tries.
func (c *candidate) ready(ctx context.Context, ask passphraser, p policy) error {
	if c.signer == nil && c.file == nil {
		return errNoPrivate
	}
	if c.signer == nil && c.file.tooOpen != 0 {
		return &permissionsError{path: c.file.path, mode: c.file.tooOpen}
	}
	if c.public == nil {
		signer, err := c.open(ctx, ask)
		if err != nil {
			return err
		}
		c.public = signer.PublicKey()
	}
	if bits := rsaBits(c.public); bits > 0 && bits < p.minRSA {
		return fmt.Errorf("RSA key of %d bits is shorter than RequiredRSASize %d", bits, p.minRSA)
	}
	if len(c.algorithms(p.accepted)) == 0 {
		return errNoAlgorithm
	}
	return nil
}

// rsaBits is the length of an RSA key, or of one that is certified; 0 for others.
func rsaBits(key ssh.PublicKey) int {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	if holder, ok := key.(ssh.CryptoPublicKey); ok {
		if public, ok := holder.CryptoPublicKey().(*rsa.PublicKey); ok {
			return public.N.BitLen()
		}
	}
	return 0
}

// algorithms lists the signature algorithms that the key may be used with, most
// preferred first. SHA-1 is among them only if it was asked for by name.
func (c *candidate) algorithms(accepted []string) []string {
	names := []string{plainType(c.public)}
	if names[0] == ssh.KeyAlgoRSA {
		names = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
		if _, ok := c.signer.(ssh.AlgorithmSigner); c.signer != nil && !ok {
			names = names[2:]
		}
	}
	_, certified := c.public.(*ssh.Certificate)
	limited, isLimited := c.signer.(ssh.MultiAlgorithmSigner)
	return slices.DeleteFunc(names, func(name string) bool {
		if isLimited && !slices.Contains(limited.Algorithms(), name) {
			return true
		}
		if certified {
			name = certifiedName(name)
		}
		return !slices.Contains(accepted, name)
	})
}

// certifiedName is the name of a signature algorithm when the key comes in a certificate.
func certifiedName(name string) string {
	return strings.TrimSuffix(name, "@openssh.com") + "-cert-v01@openssh.com"
}

// describe names the key as in ssh's debug output.
func (c *candidate) describe() string {
	words := []string{c.source}
	if c.public != nil {
		words = append(words, keyName(c.public), ssh.FingerprintSHA256(plainKey(c.public)))
	}
	if c.explicit {
		words = append(words, "explicit")
	}
	if c.agent {
		words = append(words, "agent")
	}
	return strings.Join(words, " ")
}

// plainType is the type of a key, or of the key in a certificate.
func plainType(key ssh.PublicKey) string { return plainKey(key).Type() }

// plainKey is the key, or the one in a certificate. Fingerprints are of that.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// keyName is OpenSSH's short name for a key's type.
func keyName(key ssh.PublicKey) string {
	name := plainType(key)
	switch {
	case name == ssh.KeyAlgoRSA:
		name = "RSA"
	case name == ssh.KeyAlgoED25519:
		name = "ED25519"
	case name == ssh.KeyAlgoSKED25519:
		name = "ED25519-SK"
	case name == ssh.KeyAlgoSKECDSA256:
		name = "ECDSA-SK"
	case strings.HasPrefix(name, "ecdsa-"):
		name = "ECDSA"
	}
	if _, ok := key.(*ssh.Certificate); ok {
		name += "-CERT"
	}
	return name
}

// rank puts candidates into OpenSSH's order: certificates named by themselves; keys
// of the agent that are also configured, in the agent's order; the agent's others,
// unless only configured ones may be offered; then what the files hold. A public key
// is offered once.
func rank(certificates, configured, held []candidate, identitiesOnly bool) []candidate {
	var both, others, out []candidate
	for _, key := range held {
		if i := indexKey(configured, key.public); i >= 0 {
			key.source, key.explicit = configured[i].source, configured[i].explicit
			both = append(both, key)
		} else if !identitiesOnly {
			others = append(others, key)
		}
	}
	for _, key := range slices.Concat(certificates, both, others, configured) {
		if key.public == nil || indexKey(out, key.public) < 0 {
			out = append(out, key)
		}
	}
	pairCertificates(out)
	return out
}

// identitiesFirst puts what is configured, by whomever it is signed for, before the rest.
func identitiesFirst(ranked, configured []candidate) []candidate {
	place := func(c candidate) int {
		i := slices.IndexFunc(configured, func(other candidate) bool {
			if c.public == nil || other.public == nil {
				return c.source == other.source
			}
			return bytes.Equal(c.public.Marshal(), other.public.Marshal())
		})
		if i < 0 {
			return len(configured)
		}
		return i
	}
	slices.SortStableFunc(ranked, func(a, b candidate) int { return place(a) - place(b) })
	return ranked
}

// toFront puts the candidate with a public key, plain or certified, before all others.
func toFront(ranked []candidate, key ssh.PublicKey) []candidate {
	i := indexKey(ranked, key)
	if i <= 0 {
		return ranked
	}
	first := ranked[i]
	return slices.Concat([]candidate{first}, ranked[:i], ranked[i+1:])
}

// pairCertificates gives each certificate that does not sign for itself the
// private key of another candidate, before that of a file one that needs no passphrase.
func pairCertificates(keys []candidate) {
	for i := range keys {
		cert, ok := keys[i].public.(*ssh.Certificate)
		if !ok || keys[i].signer != nil {
			continue
		}
		if j := indexKey(keys, cert.Key); j >= 0 && (keys[j].signer != nil || keys[i].file == nil) {
			keys[i].signer, keys[i].file, keys[i].agent = keys[j].signer, keys[j].file, keys[j].agent
		}
	}
}

// indexKey finds the candidate with the given public key, or returns -1.
func indexKey(list []candidate, key ssh.PublicKey) int {
	return slices.IndexFunc(list, func(c candidate) bool {
		return c.public != nil && bytes.Equal(c.public.Marshal(), key.Marshal())
	})
}
