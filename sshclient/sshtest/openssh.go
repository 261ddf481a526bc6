package sshtest

import (
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// OpenSSH is how this machine's OpenSSH server shall be, which runs as the user of this
// process and lets that user in, to an empty home directory.
type OpenSSH struct {
	Dir              string // of the caller's: its files go there
	HostKeys         []any  // private keys, in the forms that [ssh.MarshalPrivateKey] takes
	HostCertificates []*ssh.Certificate
	AuthorizedKeys   []ssh.PublicKey
	Settings         []string // further lines of sshd_config, which prevail
}

// AuthorizedKeysFile is the path of the list of who may log in; what it holds counts at
// each connection.
func (o OpenSSH) AuthorizedKeysFile() string { return filepath.Join(o.Dir, "authorized_keys") }

// Prepare writes the server's files and returns what runs it. The error wraps
// [exec.ErrNotFound] if OpenSSH's server is not installed.
func (o OpenSSH) Prepare() (*Inetd, error) {
	program, err := findSSHD()
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		// Its privilege separation wants that, and a package's service may never have run.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	files := map[string][]byte{}
	config := append([]string{}, o.Settings...)
	for i, key := range o.HostKeys {
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return nil, err
		}
		path := filepath.Join(o.Dir, fmt.Sprint("host_key", i))
		files[path] = pem.EncodeToMemory(block)
		config = append(config, "HostKey "+path)
	}
	for i, cert := range o.HostCertificates {
		path := filepath.Join(o.Dir, fmt.Sprint("host_cert", i))
		files[path] = ssh.MarshalAuthorizedKey(cert)
		config = append(config, "HostCertificate "+path)
	}
	var authorized []byte
	for _, key := range o.AuthorizedKeys {
		authorized = append(authorized, ssh.MarshalAuthorizedKey(key)...)
	}
	files[o.AuthorizedKeysFile()] = authorized
	config = append(config, "AuthorizedKeysFile "+o.AuthorizedKeysFile(),
		"UsePAM no", "StrictModes no", "PermitRootLogin yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
		"PidFile none", "PrintMotd no", "PrintLastLog no",
		"SetEnv HOME="+o.Dir, // what the user's shell does at its start is no part of a test, and may take long
		"")
	configFile := filepath.Join(o.Dir, "sshd_config")
	files[configFile] = []byte(strings.Join(config, "\n"))
	for path, text := range files {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, err
		}
	}
	return &Inetd{Args: []string{program, "-i", "-e", "-f", configFile}}, nil
}

// findSSHD returns the full path, by which sshd wants to be called.
func findSSHD() (string, error) {
	for _, name := range []string{"sshd", "/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("OpenSSH's server is not installed: %w", exec.ErrNotFound)
}
