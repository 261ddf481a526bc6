// Package lab is a cloud on loopback: the relay emulator, fakes of Google's APIs, and an SSH server behind the relay, with the
// files and the environment that clients need to find them. cmd/iaplab runs commands inside one; the stories that test
// cmd/iapssh begin with one.
//
// New lays out a directory:
//
//	home/.ssh/id_ed25519      the key that the VM lets in
//	gcloud/                   an active configuration with project, zone and account
//	adc.json  ca.pem          credentials and the relay's authority
//	ssh_config  bin/ssh       for stock ssh, which does not look at $HOME
//
// and starts the servers; Environ is what a process inside the lab sees; Close stops everything and leaves the directory to
// its owner.
//
// lab.go has the lab's life, files.go and environ.go what it lays out and how that is found. sshd.go runs this machine's sshd as
// the VM; agent.go is the VM's guest agent, which lets in whom Google says, certificates.go the authority for certificates of
// users and of Cloud Run's container.
package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/sshclient/sshtest"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// What the lab's cloud holds: one VM, which is also a host of a network by its address there, and a service of Cloud Run.
const (
	Project = "lab-project"
	Zone    = "europe-west1-b"
	VM      = "lab-vm"

	Region  = "europe-west1"
	Network = "lab-network"
	Group   = "lab-group"
	Host    = "10.0.0.5"
	Service = "lab-service"
)

// Config says what kind of lab to make.
type Config struct {
	Dir  string // an empty directory of the caller's
	SSHD bool   // the VM runs this machine's OpenSSH sshd, not the server in this process
	// FirstUse leaves known_hosts empty. Otherwise it has the VM's key, under the name that iapssh gives an IAP target and
	// under the one that stock ssh sees.
	FirstUse bool
	// Granted gives the account every permission. Otherwise it may use the tunnel and nothing else.
	Granted bool
	// Penalties is what the VM's SSH server holds against failed logins; nil: nothing. Not with SSHD.
	Penalties *sshtest.Penalties

	More   int             // further VMs, lab-vm-1 and so on, which are the same machine
	Faults []iaptest.Fault // of the relay
}

// vms names the VMs.
func (c Config) vms() []string {
	names := []string{VM}
	for i := range c.More {
		names = append(names, fmt.Sprintf("%s-%d", VM, i+1))
	}
	return names
}

// Lab is a running lab.
type Lab struct {
	Relay  *iaptest.Server
	Google *googletest.Server
	Files  Files
	Addr   string // the VM's SSH server, on loopback

	VMID    string   // the VM's number
	ids     []string // of all VMs
	HostKey ssh.PublicKey

	sshd      *sshtest.Inetd // one of these two is the VM's
	embedded  *sshtest.Server
	container *sshtest.Server // Cloud Run's

	forbidden atomic.Bool

	mu       sync.Mutex      // guards what follows
	keysFile string          // sshd's; empty: none
	keys     []ssh.PublicKey // that the VM lets in by itself
	pushed   []ssh.PublicKey // and by what Google says

	spread    time.Duration // until what Google says takes effect
	spreading []*time.Timer

	authority ssh.Signer // whose signature certificates bear, of users and of the container
}

// New makes a lab and starts it.
func New(cfg Config) (*Lab, error) {
	l := &Lab{Files: files(cfg.Dir)}
	l.Google = googletest.NewUnstartedServer()
	l.Google.OnChange, l.Google.SignKey = l.changed, l.signUser
	l.populate(cfg)
	l.Google.Start()
	l.Relay = iaptest.NewUnstartedServer()
	l.Relay.Project, l.Relay.Zone = Project, Zone
	l.Relay.Region, l.Relay.Network, l.Relay.Group = Region, Network, Group
	l.Relay.Authorize = l.admits
	l.Relay.Faults = cfg.Faults
	l.Relay.Start()
	if err := l.furnish(cfg); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// populate makes what the APIs know.
func (l *Lab) populate(cfg Config) {
	l.Google.AddProject(Project, nil)
	for _, name := range cfg.vms() {
		l.ids = append(l.ids, l.Google.AddInstance(Project, googletest.Instance{Name: name, Zone: Zone, External: "127.0.0.1"}))
	}
	l.VMID = l.ids[0]
	if cfg.Granted {
		l.Google.Grant(googletest.AllPermissions()...)
	}
}

// furnish starts the VM and writes the files.
func (l *Lab) furnish(cfg Config) error {
	if l.Relay.URL == "" {
		return errors.New("the relay could not listen on loopback")
	}
	for _, dir := range []string{filepath.Dir(l.Files.Key), filepath.Join(l.Files.GCloud, "configurations"), l.Files.Bin} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	key, err := WriteKey(l.Files.Key)
	if err != nil {
		return err
	}
	if err := l.NewAuthority(); err != nil {
		return err
	}
	l.mu.Lock()
	l.keys = []ssh.PublicKey{key}
	l.mu.Unlock()
	if l.Addr, l.HostKey, err = l.serveSSH(cfg, key); err != nil {
		return err
	}
	for _, name := range append(cfg.vms(), Host) {
		l.Relay.Handle(name, 22, iaptest.TCP(l.Addr))
	}
	if err := l.startContainer(); err != nil {
		return err
	}
	l.Relay.Handle(Service, 22, iaptest.TCP(l.container.Addr))
	if !cfg.FirstUse {
		if err := l.trust(cfg.vms()); err != nil {
			return err
		}
	}
	return l.writeFiles()
}

// serveSSH starts the VM's SSH server.
func (l *Lab) serveSSH(cfg Config, key ssh.PublicKey) (addr string, hostKey ssh.PublicKey, err error) {
	if !cfg.SSHD {
		l.embedded = sshtest.NewServer()
		l.embedded.Authorize, l.embedded.Penalties = l.authorized, cfg.Penalties
		l.embedded.Dir = l.Files.Home
		l.embedded.Env = []string{"HOME=" + l.Files.Home}
		l.embedded.Start()
		return l.embedded.Addr, l.embedded.HostKey(), nil
	}
	l.sshd, hostKey, err = prepareSSHD(filepath.Join(cfg.Dir, "sshd"), l.Files.Home, key, "TrustedUserCAKeys "+l.Files.authority)
	if err != nil {
		return "", nil, err
	}
	l.keysFile = filepath.Join(cfg.Dir, "sshd", "authorized_keys")
	l.syncKeys()
	listening, err := l.sshd.Listen("127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	return listening.String(), hostKey, nil
}

// admits is the relay's judgement of an access token.
func (l *Lab) admits(token string) bool { return !l.forbidden.Load() && l.Google.Valid(token) }

// Forbid takes the right to use the tunnel from everybody. Sessions that there are go on.
func (l *Lab) Forbid() { l.forbidden.Store(true) }

// StopVM ends the VM and all sessions with it, of a lab with SSHD; StartVM starts it again.
func (l *Lab) StopVM() {
	l.Relay.Handle(VM, 22, nil)
	l.sshd.Kill()
}

// StartVM starts the VM that StopVM has ended.
func (l *Lab) StartVM() { l.Relay.Handle(VM, 22, iaptest.TCP(l.Addr)) }

// RelayAddr is the relay's HOST:PORT, which stands for an endpoint of Private Service Connect as well.
func (l *Lab) RelayAddr() string {
	return strings.TrimSuffix(strings.TrimPrefix(l.Relay.URL, "wss://"), "/v4")
}

// Close stops the servers.
func (l *Lab) Close() {
	l.mu.Lock()
	for _, timer := range l.spreading {
		timer.Stop()
	}
	l.mu.Unlock()
	l.Relay.Close()
	l.Google.Close()
	if l.sshd != nil {
		l.sshd.Close()
	}
	if l.embedded != nil {
		l.embedded.Close()
	}
	if l.container != nil {
		l.container.Close()
	}
}
