package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// sshd is this machine's OpenSSH server, run in inetd's manner: one process for each connection that our listener accepts. So
// it needs no port of its own choosing, and no root.
type sshd struct {
	path     string
	config   string
	hostKey  ssh.PublicKey
	listener net.Listener
	loop     sync.WaitGroup // accept and the connections' waits

	mu      sync.Mutex // guards the fields below
	running map[*exec.Cmd]bool
	closed  bool
}

// startSSHD lets one key in, as the user of this process.
func startSSHD(dir string, authorized ssh.PublicKey) (*sshd, error) {
	path, err := findSSHD()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	hostKeyFile := filepath.Join(dir, "host_key")
	hostKey, err := writeKey(hostKeyFile)
	if err != nil {
		return nil, err
	}
	keys := filepath.Join(dir, "authorized_keys")
	if err := os.WriteFile(keys, ssh.MarshalAuthorizedKey(authorized), 0o600); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		// OpenSSH's privilege separation wants it, and a package's service may never have run.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	s := &sshd{path: path, config: filepath.Join(dir, "sshd_config"), hostKey: hostKey, running: map[*exec.Cmd]bool{}}
	text := fmt.Sprintf("HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"+
		"PermitRootLogin yes\nPermitUserEnvironment yes\nAcceptEnv *\nPrintMotd no\nPrintLastLog no\nPidFile none\nMaxStartups 1000\nSubsystem sftp internal-sftp\n", hostKeyFile, keys)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.loop.Go(s.accept)
	return s, nil
}

func findSSHD() (string, error) {
	for _, path := range []string{"sshd", "/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		// sshd insists on an absolute path.
		if found, err := exec.LookPath(path); err == nil {
			return filepath.Abs(found)
		}
	}
	return "", fmt.Errorf("no OpenSSH sshd on this machine: install openssh-server")
}

func (s *sshd) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serve(conn.(*net.TCPConn))
	}
}

// serve hands the connection to a process of its own.
func (s *sshd) serve(conn *net.TCPConn) {
	defer conn.Close()
	file, err := conn.File()
	if err != nil {
		return
	}
	defer file.Close()
	cmd := exec.Command(s.path, "-i", "-f", s.config)
	cmd.Stdin, cmd.Stdout = file, file
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || cmd.Start() != nil {
		return
	}
	s.running[cmd] = true
	s.loop.Go(func() { s.reap(cmd) })
}

func (s *sshd) reap(cmd *exec.Cmd) {
	cmd.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, cmd)
}

func (s *sshd) close() {
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for cmd := range s.running {
		cmd.Process.Kill()
	}
	s.mu.Unlock()
	s.loop.Wait()
}

// writeKey makes an Ed25519 key in OpenSSH's format, with its public half beside it.
func writeKey(path string) (ssh.PublicKey, error) {
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
