package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// prepareSSHD makes this machine's OpenSSH server ready, to let one key in. The public half of its own is left as host_key.pub.
func prepareSSHD(dir, home string, authorized ssh.PublicKey, settings ...string) (server *sshtest.Inetd, hostKey ssh.PublicKey, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	server, err = sshtest.OpenSSH{
		Dir: dir, HostKeys: []any{private}, AuthorizedKeys: []ssh.PublicKey{authorized},
		Settings: append(settings, "PermitUserEnvironment yes", "AcceptEnv *", "X11Forwarding yes", "Subsystem sftp internal-sftp", "SetEnv HOME="+home),
	}.Prepare()
	if err != nil {
		return nil, nil, err
	}
	if hostKey, err = ssh.NewPublicKey(private.Public()); err != nil {
		return nil, nil, err
	}
	return server, hostKey, os.WriteFile(filepath.Join(dir, "host_key.pub"), ssh.MarshalAuthorizedKey(hostKey), 0o644)
}

// WriteKey makes an Ed25519 key in OpenSSH's format, with its public half beside it.
func WriteKey(path string) (ssh.PublicKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "lab")
	if err != nil {
		return nil, err
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return public, os.WriteFile(path+".pub", ssh.MarshalAuthorizedKey(public), 0o644)
}

// stockSSH is the machine's ssh, by a path that does not depend on PATH.
func stockSSH() string {
	if path, err := exec.LookPath("ssh"); err == nil && !strings.Contains(path, " ") {
		return path
	}
	return "/usr/bin/ssh"
}
