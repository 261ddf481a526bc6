package lab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh/knownhosts"
)

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

// files are those of a lab in dir.
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

func (l *Lab) writeFiles() error {
	host, port, err := net.SplitHostPort(l.Addr)
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

// trust makes the VMs' key known.
func (l *Lab) trust(vms []string) error {
	names := []string{l.Addr}
	for _, vm := range vms {
		names = append(names, vm+"."+Zone+"."+Project)
	}
	line := knownhosts.Line(names, l.HostKey)
	if err := os.WriteFile(l.Files.KnownHosts, []byte(line+"\n"), 0o600); err != nil {
		return err
	}
	var numbers []string
	for _, id := range l.ids {
		numbers = append(numbers, "compute."+id)
	}
	line = knownhosts.Line(numbers, l.HostKey)
	if err := os.WriteFile(l.Files.GoogleKnownHosts, []byte(line+"\n"), 0o600); err != nil {
		return err
	}
	// The bare name would make the VM a host of its own for iapssh.
	line = knownhosts.Line(vms, l.HostKey)
	return os.WriteFile(l.Files.StockKnownHosts, []byte(line+"\n"), 0o600)
}
