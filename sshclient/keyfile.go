package sshclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/crypto/ssh"
)

const (
	// maxKeyFile bounds what is read as a key; the largest RSA keys take 13 KiB.
	maxKeyFile = 1 << 20

	// maxPassphrases is OpenSSH's default of NumberOfPasswordPrompts, which also
	// bounds passphrases.
	maxPassphrases = 3
)

var (
	errLocked        = errors.New("no usable passphrase given")
	errInvalidFormat = errors.New("invalid format")
)

// passphraser asks for the passphrase of the key in a file.
type passphraser func(ctx context.Context, path string) (string, error)

// keyFile is a private key file. It is read once, since it may be a pipe, and
// decrypted at most once, since a certificate may lie beside it.
type keyFile struct {
	path    string
	text    []byte
	tooOpen fs.FileMode // its permissions if others may read it, else 0
	signer  ssh.Signer  // nil until decrypted
}

// readIdentity returns the candidates that an identity stands for: its key, and
// the certificate beside it. The error says why there are none.
func readIdentity(id Identity) ([]candidate, error) {
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
		return []candidate{key}, nil
	}
	if key.public = parsePublic(text); key.public != nil {
		return []candidate{key}, nil
	}
	key.file = &keyFile{path: id.Path, text: text, tooOpen: tooOpen}
	if key.public, err = key.file.public(); err != nil {
		return nil, err
	}
	out := []candidate{key}
	if cert, ok := readPublic(id.Path + "-cert.pub").(*ssh.Certificate); ok {
		key.source, key.public = id.Path+"-cert.pub", cert
		out = append(out, key)
	}
	return out, nil
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
	signer, err := ssh.ParsePrivateKey(f.text)
	if err == nil {
		f.signer = signer
		return signer.PublicKey(), nil
	}
	locked, ok := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %w", errInvalidFormat, err)
	case locked.PublicKey != nil:
		return locked.PublicKey, nil
	default:
		return readPublic(f.path + ".pub"), nil
	}
}

// unlock returns the decrypted key, asking for its passphrase as often as
// OpenSSH does.
func (f *keyFile) unlock(ctx context.Context, ask passphraser) (ssh.Signer, error) {
	for range maxPassphrases {
		if f.signer != nil {
			return f.signer, nil
		}
		passphrase, err := ask(ctx, f.path)
		if err != nil {
			return nil, err
		}
		if passphrase == "" {
			return nil, errLocked
		}
		if signer, err := ssh.ParsePrivateKeyWithPassphrase(f.text, []byte(passphrase)); err == nil {
			f.signer = signer
		}
	}
	if f.signer == nil {
		return nil, errLocked
	}
	return f.signer, nil
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
