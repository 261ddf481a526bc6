package sshtest

import (
	"crypto/rand"
	"time"

	"golang.org/x/crypto/ssh"
)

// Certify has an authority vouch for a user's public key, which is a line of authorized_keys, and returns the certificate as such a
// line. It holds from a minute ago until the given time. What is no key yields an empty line.
func Certify(authority ssh.Signer, key, user string, until time.Time) string {
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key))
	if err != nil {
		return ""
	}
	cert := &ssh.Certificate{
		Key: public, CertType: ssh.UserCert, ValidPrincipals: []string{user},
		ValidAfter: uint64(time.Now().Add(-time.Minute).Unix()), ValidBefore: uint64(until.Unix()),
		Permissions: ssh.Permissions{Extensions: map[string]string{"permit-pty": "", "permit-port-forwarding": ""}},
	}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		panic(err) // keys of NewKey sign always
	}
	return string(ssh.MarshalAuthorizedKey(cert))
}
