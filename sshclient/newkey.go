package sshclient

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// newKeyBits is ssh-keygen's default for RSA.
const newKeyBits = 3072

// forever is later than all that matters, in Unix time: certificates without end say ssh.CertTimeInfinity, which is past what
// time.Time can tell.
const forever = 1 << 40

// PublicHalf reads the public key beside a private key file, "TYPE BASE64", or takes it from that file; empty if neither tells.
func PublicHalf(path string) string {
	key := readPublic(path + ".pub")
	if key == nil {
		if candidates, err := readIdentity(Identity{Path: path}, false); err == nil {
			key = candidates[0].public
		}
	}
	if key == nil {
		return ""
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// CheckKeyFile says why the private key in a file cannot be used, or that the public half beside it is another key's. It is nil also
// where a passphrase is to be asked for first, and where there is no private key, which an agent may hold.
func CheckKeyFile(path string) error {
	text, tooOpen, err := readKeyFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && parsePublic(text) != nil:
		return nil
	case err != nil:
		return err
	case tooOpen != 0:
		return &permissionsError{path: path, mode: tooOpen}
	}
	public, err := (&keyFile{path: path, text: text}).public()
	if err != nil {
		return err
	}
	if beside := readPublic(path + ".pub"); beside != nil && public != nil && !sameKey(public)(beside) {
		return errOtherHalf
	}
	return nil
}

// Certifies says until when a user's certificate, "TYPE BASE64", is good for a public key in the same form; ok is false if it is none,
// or another key's.
func Certifies(certificate, key string) (until time.Time, ok bool) {
	cert, err := parseCertificate([]byte(certificate))
	public := parsePublic([]byte(key))
	if err != nil || public == nil || !sameKey(public)(cert.Key) {
		return time.Time{}, false
	}
	return time.Unix(int64(min(cert.ValidBefore, forever)), 0), true
}

// NewKeyFile makes an RSA key without a passphrase in the files path and path.pub, as ssh-keygen -t rsa does, on Windows also in
// path.ppk, as gcloud does there, and their directory if it is missing, but not what is above it. A file that is there is not
// replaced: then the error is an fs.ErrExist.
func NewKeyFile(path, comment string) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist} // before the work of making one
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	private, err := rsa.GenerateKey(rand.Reader, newKeyBits)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return err
	}
	public, err := ssh.NewPublicKey(&private.PublicKey)
	if err != nil {
		return err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))) + " " + comment + "\n"
	if err := writeNew(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	if withPPK {
		ppk, err := marshalPPK(private, comment)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path+".ppk", ppk, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(path+".pub", []byte(line), 0o644)
}

// writeNew writes a file that must not exist, as a whole or not at all: nobody sees half of it.
func writeNew(path string, text []byte, mode os.FileMode) error {
	temporary := path + "." + rand.Text()
	defer os.Remove(temporary)
	if err := os.WriteFile(temporary, text, mode); err != nil {
		return err
	}
	return os.Link(temporary, path)
}
