package sshclient

import (
	"bytes"
	"context"
	"errors"
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
	errNoPrivate = errors.New("no private key here, and the agent does not hold it")
	errNoSHA2    = errors.New("key can sign with nothing but SHA-1")
)

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
func (c *candidate) ready(ctx context.Context, ask passphraser) error {
	if c.signer == nil && c.file == nil {
		return errNoPrivate
	}
	if c.file != nil && c.file.tooOpen != 0 {
		return &permissionsError{path: c.file.path, mode: c.file.tooOpen}
	}
	if c.public == nil {
		signer, err := c.open(ctx, ask)
		if err != nil {
			return err
		}
		c.public = signer.PublicKey()
	}
	if len(c.algorithms()) == 0 {
		return errNoSHA2
	}
	return nil
}

// algorithms lists the signature algorithms that the key may be used with, most
// preferred first. None is SHA-1.
func (c *candidate) algorithms() []string {
	var names []string
	switch name := plainType(c.public); name {
	case "ssh-dss":
	case ssh.KeyAlgoRSA:
		names = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		if _, ok := c.signer.(ssh.AlgorithmSigner); c.signer != nil && !ok {
			return nil
		}
	default:
		names = []string{name}
	}
	if limited, ok := c.signer.(ssh.MultiAlgorithmSigner); ok {
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(limited.Algorithms(), name) })
	}
	return names
}

// describe names the key as in ssh's debug output.
func (c *candidate) describe() string {
	words := []string{c.source}
	if c.public != nil {
		words = append(words, keyName(c.public), ssh.FingerprintSHA256(c.public))
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
func plainType(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key.Type()
	}
	return key.Type()
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

// rank puts candidates into OpenSSH's order: keys of the agent that are also
// configured, in the agent's order; the agent's others, unless only configured
// ones may be offered; then what the files hold. A public key is offered once.
func rank(configured, held []candidate, identitiesOnly bool) []candidate {
	var both, others, out []candidate
	for _, key := range held {
		if i := indexKey(configured, key.public); i >= 0 {
			key.source, key.explicit = configured[i].source, configured[i].explicit
			both = append(both, key)
		} else if !identitiesOnly {
			others = append(others, key)
		}
	}
	for _, key := range slices.Concat(both, others, configured) {
		if key.public == nil || indexKey(out, key.public) < 0 {
			out = append(out, key)
		}
	}
	return out
}

// indexKey finds the candidate with the given public key, or returns -1.
func indexKey(list []candidate, key ssh.PublicKey) int {
	return slices.IndexFunc(list, func(c candidate) bool {
		return c.public != nil && bytes.Equal(c.public.Marshal(), key.Marshal())
	})
}
