package knownhosts

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// krlMagic starts a binary key revocation list. (OpenSSH: PROTOCOL.krl.)
const krlMagic = "SSHKRL\n\x00"

// Errors of [CheckRevoked].
var (
	ErrRevoked = errors.New("key is revoked")
	ErrKRL     = errors.New("is a binary key revocation list (KRL), which is not supported: list the keys as text, one on a line")
)

// CheckRevoked looks for a host key, and for the authority that signed it, in a
// file of ssh_config's RevokedHostKeys: public keys, one on a line. It returns
// [ErrRevoked] if the key is there, and nil only if the whole file was
// understood and it is not: any other error means that nothing can be said of
// any key, and that none may be trusted.
func CheckRevoked(path string, key ssh.PublicKey) error {
	text, err := readFile(path)
	if err != nil {
		return err
	}
	if strings.HasPrefix(text, krlMagic) {
		return fmt.Errorf("%s %w", path, ErrKRL)
	}
	number := 0
	for raw := range strings.Lines(text) {
		number++
		line := trimBlanks(strings.TrimRight(raw, "\r\n"))
		if line == "" || line[0] == '#' {
			continue
		}
		l := Line{}
		l.KeyType, line = field(line)
		l.KeyText, _ = field(line)
		revoked, err := l.ParseKey()
		if err != nil {
			return Warning{path, number, err}
		}
		if revokes(revoked, key) {
			return ErrRevoked
		}
	}
	return nil
}

// revokes tells whether the end of trust in revoked is also key's: it is the
// same key, with or without a certificate, or the authority that signed key's.
func revokes(revoked, key ssh.PublicKey) bool {
	if equal(plainKey(revoked), plainKey(key)) {
		return true
	}
	cert, ok := key.(*ssh.Certificate)
	return ok && equal(plainKey(revoked), cert.SignatureKey)
}
