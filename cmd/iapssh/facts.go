package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
)

// effects are the machine's, and what our other packages know.
func effects() config.Effects {
	e := config.System()
	e.Facts = config.Facts{
		KnownHost:    knownHost,
		NoCredential: noCredential,
		CachedVM: func(instance string, projects []string) (project, zone string, ok bool) {
			return vm.Remembered(seenCache(), instance, projects)
		},
		DescribeVM:  describeVM,
		ProjectHere: func(ctx context.Context) string { return creds.ProjectHere(ctx, creds.Environment{}) },
		Algorithms:  algorithms,
	}
	return e
}

// knownHost says whether a line of the files is about just this host: patterns that happen to match it do not count.
func knownHost(files []string, host string, port int) bool {
	store, err := knownhosts.Read(files, nil)
	if err != nil {
		return false
	}
	name := knownhosts.Name(host, port)
	for _, file := range store.Files {
		for line := range file.Lines() {
			if line.Marker != knownhosts.NoMarker || line.Err != nil {
				continue
			}
			hashed := strings.HasPrefix(line.Hosts, "|") && line.Matches(name)
			if hashed || slices.Contains(strings.Split(strings.ToLower(line.Hosts), ","), strings.ToLower(name)) {
				return true
			}
		}
	}
	return false
}

// noCredential looks as far as that goes without the network.
func noCredential(g config.GCloud) bool {
	if g.NoCredentials { // who adds them is not seen from here
		return false
	}
	offline := creds.Environment{Metadata: func(context.Context, string) ([]byte, error) {
		return nil, os.ErrNotExist
	}}
	_, err := creds.Find(context.Background(), offline, accountWish(g))
	var none *creds.NotFoundError
	return errors.As(err, &none) && !creds.OnVM(creds.Environment{})
}

// algorithms resolves the value of an algorithm keyword, for -G.
func algorithms(keyword, value string) ([]string, error) {
	kind, ok := map[string]sshclient.Kind{
		"ciphers":       sshclient.Ciphers,
		"macs":          sshclient.MACs,
		"kexalgorithms": sshclient.KexAlgorithms,
	}[keyword]
	if !ok {
		kind = sshclient.HostKeyAlgorithms
	}
	use, _, err := sshclient.ResolveAlgorithms(kind, value)
	switch keyword {
	case "casignaturealgorithms":
		use = without(use, "-cert-")
	case "pubkeyacceptedalgorithms", "hostbasedacceptedalgorithms":
		if err != nil { // an agent may have more kinds of keys than servers are asked for
			return []string{value}, nil
		}
	}
	return use, err
}

// answer is what -Q prints.
func answer(query string) []string {
	keys := supported(sshclient.HostKeyAlgorithms)
	switch query {
	case "cipher":
		return supported(sshclient.Ciphers)
	case "cipher-auth":
		return slices.DeleteFunc(supported(sshclient.Ciphers), func(name string) bool {
			return !strings.Contains(name, "gcm") && !strings.Contains(name, "poly1305")
		})
	case "mac":
		return supported(sshclient.MACs)
	case "kex":
		return supported(sshclient.KexAlgorithms)
	case "key":
		return without(keys, "rsa-sha2-")
	case "key-cert":
		return slices.DeleteFunc(without(keys, "rsa-sha2-"), func(name string) bool { return !strings.Contains(name, "-cert-") })
	case "key-plain":
		return without(without(keys, "rsa-sha2-"), "-cert-")
	case "key-sig":
		return keys
	case "sig", "key-ca-sign":
		return without(keys, "-cert-")
	case "protocol-version":
		return []string{"2"}
	case "compression":
		return []string{"none"}
	}
	return strings.Fields("cipher cipher-auth compression kex key key-cert key-plain key-sig mac protocol-version sig")
}

// supported is what can be named in the configuration, which speaks OpenSSH's names.
func supported(kind sshclient.Kind) []string {
	return slices.DeleteFunc(sshclient.SupportedAlgorithms(kind), func(name string) bool {
		return !config.KnowsAlgorithm(strings.ToLower(string(kind)), name)
	})
}

// without returns the names that part is no part of.
func without(names []string, part string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.Contains(name, part) })
}
