package sshclient

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/crypto/ssh"
)

// maxKeyFile bounds what is read as a key; the largest RSA keys take 13 KiB.
const maxKeyFile = 1 << 20

var (
	errLocked        = errors.New("no usable passphrase given")
	errInvalidFormat = errors.New("invalid format")
	errNoUserCert    = errors.New("not a user certificate")
	errOtherHalf     = errors.New("the .pub beside it is another key's")
)

// passphraser asks for the passphrase of the key in a file, for the n-th time from 0.
// It fails when there has been enough of it.
type passphraser func(ctx context.Context, path string, n int) (string, error)

// keyFile is a private key file. It is read once, since it may be a pipe, and
// decrypted at most once, since a certificate may lie beside it.
type keyFile struct {
	path    string
	text    []byte
	tooOpen fs.FileMode // its permissions if others may read it, else 0
	private any         // what signer signs with, in the form that agents take
	signer  ssh.Signer  // nil until decrypted
	shared  bool        // the agent has been offered it
}

// readIdentity returns the candidates that an identity stands for: its key, and,
// if beside says so, the certificate next to it. The error says why there are none.
func readIdentity(id Identity, beside bool) ([]candidate, error) {
	if id.Signer != nil {
		return []candidate{{source: "signer", public: id.Signer.PublicKey(), explicit: id.Explicit, signer: id.Signer}}, nil
	}
	key := candidate{source: id.Path, explicit: id.Explicit}
	text, tooOpen, err := readKeyFile(id.Path)
	if err != nil {
		// A public half left behind names a key that the agent may hold.
		if key.public = readPublic(id.Path + ".pub"); key.public == nil {
			return nil, err
		}
		return certified(key, id, false)
	}
	if key.public = parsePublic(text); key.public != nil {
		return certified(key, id, false)
	}
	key.file = &keyFile{path: id.Path, text: text, tooOpen: tooOpen}
	if key.public, err = key.file.public(); err != nil {
		return nil, err
	}
	return certified(key, id, beside)
}

// certified gives the candidates that a key comes to: the certificate that id has for it, or itself and the certificate beside
// its file.
func certified(key candidate, id Identity, beside bool) ([]candidate, error) {
	if id.Certificate != "" {
		cert, err := parseCertificate([]byte(id.Certificate))
		if err != nil {
			return nil, err
		}
		key.public = cert
		return []candidate{key}, nil
	}
	out := []candidate{key}
	if cert, ok := readPublic(id.Path + "-cert.pub").(*ssh.Certificate); ok && beside {
		key.source, key.public = id.Path+"-cert.pub", cert
		out = append(out, key)
	}
	return out, nil
}

// readCertificate returns the candidate of a CertificateFile, which another signs for.
func readCertificate(path string) (candidate, error) {
	text, _, err := readKeyFile(path)
	if err != nil {
		return candidate{}, err
	}
	cert, err := parseCertificate(text)
	if err != nil {
		return candidate{}, err
	}
	return candidate{source: path, public: cert, explicit: true}, nil
}

func parseCertificate(text []byte) (*ssh.Certificate, error) {
	cert, ok := parsePublic(text).(*ssh.Certificate)
	if !ok || cert.CertType != ssh.UserCert {
		return nil, errNoUserCert
	}
	return cert, nil
}

// readKeyFile reads a file of bounded size, and reports its permissions if they let
// others read it.
func readKeyFile(path string) (text []byte, tooOpen fs.FileMode, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	text, err = io.ReadAll(io.LimitReader(f, maxKeyFile))
	return text, openPermissions(info), err
}

// readPublic returns the public key or certificate in a file, nil if there is none.
func readPublic(path string) ssh.PublicKey {
	text, _, err := readKeyFile(path)
	if err != nil {
		return nil
	}
	return parsePublic(text)
}

func parsePublic(text []byte) ssh.PublicKey {
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return key
}

// public returns the key's public half, nil if that is encrypted too and lies
// nowhere beside it. The error is errInvalidFormat.
func (f *keyFile) public() (ssh.PublicKey, error) {
	err := f.parse(ssh.ParseRawPrivateKey(f.text))
	if err == nil {
		return f.signer.PublicKey(), nil
	}
	locked, ok := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case !ok && foreignSeal(f.text) != "":
		return readPublic(f.path + ".pub"), nil
	case !ok:
		return nil, fmt.Errorf("%w: %w", errInvalidFormat, err)
	case locked.PublicKey != nil:
		return locked.PublicKey, nil
	default:
		return readPublic(f.path + ".pub"), nil
	}
}

// parse keeps what was parsed.
func (f *keyFile) parse(private any, err error) error {
	if err != nil {
		return err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err == nil {
		f.private, f.signer = private, signer
	}
	return err
}

// unlock returns the decrypted key, asking for its passphrase until it is right or
// the user gives up.
func (f *keyFile) unlock(ctx context.Context, ask passphraser) (ssh.Signer, error) {
	if cipher := foreignSeal(f.text); cipher != "" {
		return nil, &sealedError{f.path, cipher}
	}
	for n := 0; f.signer == nil; n++ {
		passphrase, err := ask(ctx, f.path, n)
		if err != nil {
			return nil, err
		}
		if passphrase == "" {
			return nil, errLocked
		}
		f.parse(ssh.ParseRawPrivateKeyWithPassphrase(f.text, []byte(passphrase)))
	}
	return f.signer, nil
}

// foreignSeal names the encryption of a key that x/crypto cannot undo, whatever the passphrase; empty for any other key. The
// form is that of OpenSSH's PROTOCOL.key.
func foreignSeal(text []byte) string {
	block, _ := pem.Decode(text)
	if block == nil {
		return ""
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		return "PKCS #8"
	}
	var envelope struct {
		Cipher string
		Rest   []byte `ssh:"rest"`
	}
	body, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	if !ok || ssh.Unmarshal(body, &envelope) != nil || slices.Contains([]string{"none", "aes256-ctr", "aes256-cbc"}, envelope.Cipher) {
		return ""
	}
	return envelope.Cipher
}

// sealedError tells of such a key.
type sealedError struct{ path, cipher string }

func (e *sealedError) Error() string {
	return fmt.Sprintf("encrypted by %s, which is not supported; ssh-keygen -p -f '%s' encrypts it as is usual", e.cipher, e.path)
}

// permissionsError refuses a private key that others may read.
type permissionsError struct {
	path string
	mode fs.FileMode
}

func (e *permissionsError) Error() string { return "bad permissions" }

// warning is what ssh prints, line by line.
func (e *permissionsError) warning() []string {
	return []string{
		"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
		"@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @",
		"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
		fmt.Sprintf("Permissions %#04o for '%s' are too open.", e.mode, e.path),
		"It is required that your private key files are NOT accessible by others.",
		"This private key will be ignored.",
	}
}
