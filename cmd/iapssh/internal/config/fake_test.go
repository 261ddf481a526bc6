package config

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// machine is a fake of the outside: what is not in it does not exist.
type machine struct {
	files  map[string]string
	modes  map[string]fs.FileMode // 0o600 where absent
	env    map[string]string
	status map[string]int // of commands; running another is an error
	addrs  []netip.Addr
	os     string
	facts  Facts
	names  map[string]string // DNS: a name to its CNAME, or to itself
}

func (m machine) effects() Effects {
	env := map[string]string{"HOME": "/home/ann"}
	for name, value := range m.env {
		env[name] = value
	}
	goos := first(m.os, "linux")
	return Effects{
		Facts:     m.facts,
		OS:        goos,
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		User:      func() (User, error) { return User{Name: "ann", UID: "1000", Home: "/home/passwd"}, nil },
		HomeOf: func(name string) (string, error) {
			if name == "bob" {
				return "/home/bob", nil
			}
			return "", errors.New("unknown user")
		},
		Hostname: func() (string, error) { return "laptop.example.net", nil },
		Now:      func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
		ReadFile: func(name string) ([]byte, error) {
			data, ok := m.files[name]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			if m.modes[name]&0o400 == 0 && m.modes[name] != 0 {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
			}
			if len(data) > maxFile {
				return nil, ErrTooLarge
			}
			return []byte(data), nil
		},
		Stat: func(name string) (FileStat, error) {
			if _, ok := m.files[name]; !ok {
				return FileStat{}, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
			}
			mode := m.modes[name]
			if mode == 0 {
				mode = 0o600
			}
			return FileStat{Mode: mode, UID: 1000, GID: 1000}, nil
		},
		Glob: func(pattern string) ([]string, error) {
			var names []string
			for name := range m.files {
				ok, err := path.Match(pattern, name)
				if err != nil {
					return nil, err
				}
				if ok {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			return names, nil
		},
		Exec: func(_ context.Context, command string) (int, error) {
			status, ok := m.status[command]
			if !ok {
				return 0, errors.New("not in this test: " + command)
			}
			return status, nil
		},
		Interfaces: func() ([]netip.Addr, error) { return m.addrs, nil },
		LookupHost: func(_ context.Context, name string) ([]netip.Addr, error) {
			if _, ok := m.names[name]; !ok {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{netip.MustParseAddr("192.0.2.9")}, nil
		},
		LookupPort: func(service string) (int, error) {
			if port, known := map[string]int{"ssh": 22, "http": 80}[service]; known {
				return port, nil
			}
			return 0, errors.New("unknown service")
		},
		LookupCNAME: func(_ context.Context, name string) (string, error) { return m.names[name], nil },
	}
}

// resolve is Resolve with the command line as one string, cut at blanks.
func (m machine) resolve(t *testing.T, line string) (Plan, error) {
	t.Helper()
	return Resolve(t.Context(), "iapssh", strings.Fields(line), m.effects())
}

// withConfig is a machine whose user has this ~/.ssh/config.
func withConfig(text string) machine {
	return machine{files: map[string]string{"/home/ann/.ssh/config": text}}
}
