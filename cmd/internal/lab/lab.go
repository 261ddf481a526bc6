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
package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

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

// Files are the paths of what the lab laid out.
type Files struct {
	Home, GCloud, ADC, CA, Key, SSHConfig, KnownHosts, Bin string

	StockKnownHosts  string // what stock ssh reads besides
	GoogleKnownHosts string // gcloud's, by the number of a VM

	// Other credentials: of the account's login with gcloud, of the service account, and of a workload. Nothing leads to them.
	Login, Robot, Workload string

	authority string // whose signatures the VM's sshd believes
}

// LoginOf is where gcloud keeps the login of an account.
func (f Files) LoginOf(account string) string {
	return filepath.Join(f.GCloud, "legacy_credentials", account, "adc.json")
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
	var addr string
	var hostKey ssh.PublicKey
	if cfg.SSHD {
		if l.sshd, hostKey, err = prepareSSHD(filepath.Join(cfg.Dir, "sshd"), l.Files.Home, key, "TrustedUserCAKeys "+l.Files.authority); err != nil {
			return err
		}
		l.keysFile = filepath.Join(cfg.Dir, "sshd", "authorized_keys")
		l.syncKeys()
		listening, err := l.sshd.Listen("127.0.0.1:0")
		if err != nil {
			return err
		}
		addr = listening.String()
	} else {
		l.embedded = sshtest.NewServer()
		l.embedded.Authorize, l.embedded.Penalties = l.authorized, cfg.Penalties
		l.embedded.Dir = l.Files.Home
		l.embedded.Env = []string{"HOME=" + l.Files.Home}
		l.embedded.Start()
		addr, hostKey = l.embedded.Addr, l.embedded.HostKey()
	}
	l.Addr, l.HostKey = addr, hostKey
	for _, name := range append(cfg.vms(), Host) {
		l.Relay.Handle(name, 22, iaptest.TCP(addr))
	}
	if err := l.startContainer(); err != nil {
		return err
	}
	l.Relay.Handle(Service, 22, iaptest.TCP(l.container.Addr))
	if !cfg.FirstUse {
		if err := l.trust(cfg.vms(), hostKey, addr); err != nil {
			return err
		}
	}
	return l.writeFiles(addr)
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

// trust makes the VMs' key known.
func (l *Lab) trust(vms []string, key ssh.PublicKey, addr string) error {
	names := []string{addr}
	for _, vm := range vms {
		names = append(names, vm+"."+Zone+"."+Project)
	}
	line := knownhosts.Line(names, key)
	if err := os.WriteFile(l.Files.KnownHosts, []byte(line+"\n"), 0o600); err != nil {
		return err
	}
	var numbers []string
	for _, id := range l.ids {
		numbers = append(numbers, "compute."+id)
	}
	line = knownhosts.Line(numbers, key)
	if err := os.WriteFile(l.Files.GoogleKnownHosts, []byte(line+"\n"), 0o600); err != nil {
		return err
	}
	// The bare name would make the VM a host of its own for iapssh.
	line = knownhosts.Line(vms, key)
	return os.WriteFile(l.Files.StockKnownHosts, []byte(line+"\n"), 0o600)
}

func files(dir string) Files {
	home := filepath.Join(dir, "home")
	return Files{
		Home:       home,
		GCloud:     filepath.Join(dir, "gcloud"),
		ADC:        filepath.Join(dir, "adc.json"),
		CA:         filepath.Join(dir, "ca.pem"),
		Key:        filepath.Join(home, ".ssh", "id_ed25519"),
		SSHConfig:  filepath.Join(dir, "ssh_config"),
		KnownHosts: filepath.Join(home, ".ssh", "known_hosts"),

		StockKnownHosts:  filepath.Join(dir, "known_hosts"),
		GoogleKnownHosts: filepath.Join(home, ".ssh", "google_compute_known_hosts"),

		Login:    filepath.Join(dir, "login.json"),
		Robot:    filepath.Join(dir, "robot.json"),
		Workload: filepath.Join(dir, "workload.json"),

		Bin: filepath.Join(dir, "bin"),

		authority: filepath.Join(dir, "user_authority.pub"),
	}
}

func (l *Lab) writeFiles(vmAddr string) error {
	host, port, err := net.SplitHostPort(vmAddr)
	if err != nil {
		return err
	}
	workload, err := l.Google.ExternalAccount(filepath.Join(filepath.Dir(l.Files.Workload), "subject"))
	if err != nil {
		return err
	}
	account := l.Google.Account
	for _, f := range []struct {
		path, text string
		mode       os.FileMode
	}{
		{l.Files.ADC, string(l.Google.AuthorizedUser()), 0o600},
		{l.Files.Login, string(l.Google.Login()), 0o600},
		{l.Files.Robot, string(l.Google.ServiceAccount()), 0o600},
		{l.Files.Workload, string(workload), 0o600},
		{l.Files.CA, string(l.Relay.CACert()), 0o644},
		{filepath.Join(l.Files.GCloud, "active_config"), "default", 0o600},
		{filepath.Join(l.Files.GCloud, "configurations", "config_default"), fmt.Sprintf(
			"[core]\nproject = %s\naccount = %s\n[compute]\nzone = %s\n", Project, account, Zone), 0o600},
		{l.Files.SSHConfig, fmt.Sprintf("# For stock ssh, which takes home from the password file.\nHost %s\n"+
			"\tProxyCommand iapssh --listen-on-stdin %%h %%p\nHost lab-direct\n\tHostName %s\n\tPort %s\nHost *\n"+
			"\tUserKnownHostsFile %s %s\n\tIdentityFile %s\n\tIdentitiesOnly yes\n", VM, host, port,
			l.Files.KnownHosts, l.Files.StockKnownHosts, l.Files.Key), 0o600},
		{filepath.Join(l.Files.Bin, "ssh"), fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", stockSSH(), l.Files.SSHConfig), 0o700},
	} {
		if err := os.WriteFile(f.path, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return nil
}

// Environ gives the environment of a process in the lab: base without what would lead it elsewhere, and with the lab's own.
func (l *Lab) Environ(base []string) []string {
	env := make([]string, 0, len(base))
	for _, pair := range base {
		if name, _, _ := strings.Cut(pair, "="); !leadsElsewhere(name) {
			env = append(env, pair)
		}
	}
	return append(env,
		"HOME="+l.Files.Home,
		"USERPROFILE="+l.Files.Home,
		"CLOUDSDK_CONFIG="+l.Files.GCloud,
		"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE="+l.Files.CA,
		"GOOGLE_APPLICATION_CREDENTIALS="+l.Files.ADC,
		"IAPSSH_RELAY_URL="+l.Relay.URL,
		"IAPSSH_CACHE_DIR="+filepath.Join(l.Files.Home, ".cache", "iapssh"),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE="+l.Google.ComputeURL(),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_OSLOGIN="+l.Google.OSLoginURL(),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_IAP="+l.Google.IAPURL(),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN="+l.Google.RunURL(),
		"CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS="+l.Google.URL,
	)
}

// Path gives a search path in which stock ssh is the lab's, and what lies in dir is found last.
func (l *Lab) Path(path, dir string) string {
	return strings.Join([]string{l.Files.Bin, path, dir}, string(os.PathListSeparator))
}

// leadsElsewhere names variables that a lab replaces or must not have.
func leadsElsewhere(name string) bool {
	upper := strings.ToUpper(name)
	switch upper {
	case "HOME", "USERPROFILE", "SSH_AUTH_SOCK", "SSH_ASKPASS", "GOOGLE_APPLICATION_CREDENTIALS", "IAPSSH_RELAY_URL",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY":
		return true
	}
	return strings.HasPrefix(upper, "CLOUDSDK_")
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
