package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Effects is everything Resolve may see of the outside. System returns the
// real ones; tests hand in fakes. Every field must be set but those of Facts.
type Effects struct {
	Facts

	OS        string // runtime.GOOS
	LookupEnv func(name string) (value string, set bool)
	User      func() (User, error)                  // an error comes with the UID, if that is known
	HomeOf    func(username string) (string, error) // for ~username
	Hostname  func() (string, error)
	Now       func() time.Time

	ReadFile func(name string) ([]byte, error)
	Stat     func(name string) (FileStat, error)
	// Glob returns the names that match, sorted; no match is no error.
	Glob func(pattern string) ([]string, error)

	// Exec runs command with the user's shell, its stdin and stdout empty, and
	// returns its exit status; the error says that it could not be run.
	Exec        func(ctx context.Context, command string) (status int, err error)
	Interfaces  func() ([]netip.Addr, error) // addresses of interfaces that are up
	LookupHost  func(ctx context.Context, host string) ([]netip.Addr, error)
	LookupCNAME func(ctx context.Context, host string) (string, error)
	// LookupPort returns the TCP port of a service, as services(5) has it.
	LookupPort func(service string) (int, error)
}

// Facts is what other packages know. A field that is nil knows nothing.
type Facts struct {
	// KnownHost says whether one of the known_hosts files has a line for just
	// this host and port.
	KnownHost func(files []string, host string, port int) bool
	// NoCredential says that there is certainly none for Google.
	NoCredential func(GCloud) bool
	// CachedVM returns the VM of that name in one of the projects, if it has been
	// found before.
	CachedVM func(instance string, projects []string) (project, zone string, ok bool)
	// ProjectHere is the project of the VM that we run on; empty if we do not.
	ProjectHere func(ctx context.Context) string
	// DescribeVM asks Google about the VM that the plan of a session leads to.
	DescribeVM func(context.Context, Plan) (VM, error)
	// Algorithms returns what the value of an algorithm keyword means, by our
	// defaults and what is supported; an error if that is nothing. keyword is in
	// lower case.
	Algorithms func(keyword, value string) ([]string, error)
}

// VM is what gcloud's %USER%, %INSTANCE% and %INTERNAL% stand for.
type VM struct {
	User     string // our login name there
	Address  string // the one that is connected to; through IAP the internal one
	Internal string
}

// User is the local user, as the system knows him.
type User struct {
	Name string // without a Windows domain
	UID  string
	Home string // as the user database says, whatever $HOME is
}

// FileStat is what the permission check of a configuration file needs.
type FileStat struct {
	Mode     fs.FileMode
	UID, GID int // owner and group; -1 where files have no numeric ones
}

// maxFile bounds what is read of a file: /dev/zero is a name like any other. Hosts
// files that block advertisements have several megabytes, as has ssh_config with a
// block for each of some thousand VMs.
const maxFile = 16 << 20

// ErrTooLarge is ReadFile's answer to a file of which there is more than anybody wrote.
var ErrTooLarge = fmt.Errorf("file is larger than %d MiB", maxFile>>20)

// System returns the effects of the machine we run on.
func System() Effects {
	return Effects{
		OS:          runtime.GOOS,
		LookupEnv:   os.LookupEnv,
		User:        systemUser,
		HomeOf:      systemHomeOf,
		Hostname:    os.Hostname,
		Now:         time.Now,
		ReadFile:    systemReadFile,
		Stat:        systemStat,
		Glob:        systemGlob,
		Exec:        systemExec,
		Interfaces:  systemInterfaces,
		LookupHost:  systemLookupHost,
		LookupCNAME: net.DefaultResolver.LookupCNAME,
		LookupPort:  systemLookupPort,
	}
}

func systemUser() (User, error) {
	u, err := user.Current()
	if err != nil && runtime.GOOS != "windows" {
		return User{UID: strconv.Itoa(os.Getuid())}, err
	}
	if err != nil {
		return User{}, err
	}
	name := u.Username
	if runtime.GOOS == "windows" {
		name = name[strings.LastIndex(name, `\`)+1:]
	}
	return User{Name: name, UID: u.Uid, Home: u.HomeDir}, nil
}

func systemHomeOf(username string) (string, error) {
	u, err := user.Lookup(username)
	if err != nil {
		return "", err
	}
	return u.HomeDir, nil
}

func systemReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, ErrTooLarge
	}
	return data, nil
}

func systemStat(name string) (FileStat, error) {
	info, err := os.Stat(name)
	if err != nil {
		return FileStat{}, err
	}
	uid, gid := ownersOf(info)
	return FileStat{Mode: info.Mode(), UID: uid, GID: gid}, nil
}

// systemGlob is glob(3) over filepath.Glob: [!x] negates as [^x] does, and a
// leading dot is matched by a dot only.
func systemGlob(pattern string) ([]string, error) {
	found, err := filepath.Glob(strings.ReplaceAll(pattern, "[!", "[^"))
	if err != nil {
		return nil, err
	}
	kept := found[:0]
	for _, name := range found {
		if !hiddenByGlob(filepath.ToSlash(pattern), filepath.ToSlash(name)) {
			kept = append(kept, name)
		}
	}
	return kept, nil
}

func hiddenByGlob(pattern, name string) bool {
	patterns, names := strings.Split(pattern, "/"), strings.Split(name, "/")
	// From the end: filepath.Glob may clean what comes before.
	for i, j := len(patterns)-1, len(names)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		if strings.HasPrefix(names[j], ".") && !strings.HasPrefix(patterns[i], ".") {
			return true
		}
	}
	return false
}

func systemExec(ctx context.Context, command string) (int, error) {
	cmd := exec.CommandContext(ctx, "cmd.exe", "/c", command)
	if runtime.GOOS != "windows" {
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		cmd = exec.CommandContext(ctx, shell, "-c", command)
	}
	cmd.Stderr = os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func systemInterfaces() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	for _, ifi := range interfaces {
		if ifi.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := ifi.Addrs()
		if err != nil {
			continue // gone since it was listed
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, prefix.Addr())
			}
		}
	}
	return all, nil
}

func systemLookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func systemLookupPort(service string) (int, error) { return net.LookupPort("tcp", service) }

// systemPort is port on this machine.
func systemPort(text string) (int, bool) { return Effects{LookupPort: systemLookupPort}.port(text) }

// port reads a port as ssh does: a number from 1 to 65535, or the name of a service.
func (e Effects) port(text string) (int, bool) {
	if n, ok := parsePort(strings.TrimPrefix(strings.TrimLeft(text, " \t\n\v\f\r"), "+")); ok {
		return n, true
	}
	if text != lower(text) || !strings.ContainsAny(text, "abcdefghijklmnopqrstuvwxyz") {
		return 0, false
	}
	n, err := e.LookupPort(text)
	return n, err == nil
}
