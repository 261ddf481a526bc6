package sshclient

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// newKeyBits is ssh-keygen's default for RSA.
const newKeyBits = 3072

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

// NewKeyFile makes an RSA key in the files path and path.pub, as "ssh-keygen -t rsa -N ”" does, and their directory if it is
// missing. A file that is there is not replaced: then the error is an fs.ErrExist.
func NewKeyFile(path, comment string) error {
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
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := writeNew(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
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
