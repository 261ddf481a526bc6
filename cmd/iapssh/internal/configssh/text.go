// Package configssh makes the Host blocks by which stock ssh, and whatever runs it, reaches VMs through iapssh: a file of their own,
// and one line in the user's ssh_config that includes it.
//
//	text.go     the file of blocks (pure)
//	quote.go    how words are written in ssh_config and in a ProxyCommand (pure)
//	include.go  the line in the user's file (pure)
//	change.go   which files that changes, and how they are written; owner_*.go: whose they are
package configssh

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

// A File is what the file of blocks is made of. All paths are absolute.
type File struct {
	Program    string   // iapssh
	Args       []string // of each ProxyCommand: who asks Google, which key is made sure of
	KeyFile    string
	KnownHosts []string // the first gets new keys
	Windows    bool     // whose shells and paths these are
	Projects   []Project
}

// A Project is its VMs, in the order of their blocks.
type Project struct {
	ID   string
	User string // on VMs that are not listed here
	VMs  []VM
}

// A VM is what its block says of it.
type VM struct {
	Name, Zone string
	ID         string // decimal
	User       string
}

const heading = `# Written by iapssh --config-ssh, which replaces all of it: what is added here is lost.
`

// Text is the whole file: a block for each VM, called VM.ZONE.PROJECT, and behind those of a project one for VMs that come
// later, by the pattern *.ZONE.PROJECT for all zones. What Google says and could not be a name is left out. The error is a
// *WordError.
func (f File) Text() (string, error) {
	common, err := f.common()
	if err != nil {
		return "", err
	}
	command, err := f.command()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(heading)
	for _, p := range f.Projects {
		if !config.IsProject(p.ID) {
			return "", &WordError{Word: p.ID, Why: "is not the name of a project"}
		}
		for _, vm := range p.VMs {
			if !name.MatchString(vm.Name) || !name.MatchString(vm.Zone) || !number.MatchString(vm.ID) {
				continue
			}
			fmt.Fprintf(&b, "\nHost %s.%s.%s\n", vm.Name, vm.Zone, p.ID)
			writeUser(&b, vm.User)
			fmt.Fprintf(&b, "    HostKeyAlias compute.%s\n", vm.ID)
			b.WriteString(common)
			fmt.Fprintf(&b, "    ProxyCommand %s%s --project=%s --zone=%s %s %%p\n", command, asUser(vm.User), p.ID, vm.Zone, vm.Name)
		}
		fmt.Fprintf(&b, "\nHost *.*-*-*.%s %s\n", p.ID, f.unquotable())
		writeUser(&b, p.User)
		b.WriteString(common)
		fmt.Fprintf(&b, "    ProxyCommand %s%s %s %%p\n", command, asUser(p.User), f.quote("%h"))
	}
	return b.String(), nil
}

// common is what all blocks have in common.
func (f File) common() (string, error) {
	key, err := f.value(f.KeyFile)
	if err != nil {
		return "", err
	}
	files := make([]string, len(f.KnownHosts))
	for i, file := range f.KnownHosts {
		if files[i], err = f.value(file); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("    IdentityFile %s\n    IdentitiesOnly yes\n    UserKnownHostsFile %s\n    HashKnownHosts no\n", key, strings.Join(files, " ")), nil
}

// command is how each ProxyCommand begins.
func (f File) command() (string, error) {
	words := append([]string{f.Program, "--listen-on-stdin"}, f.Args...)
	for i, word := range words {
		if strings.ContainsAny(word, "\n\r\x00") {
			return "", &WordError{Word: word, Why: "cannot stand in one line"}
		}
		if i == 0 || !plain.MatchString(word) {
			words[i] = f.quote(strings.ReplaceAll(word, "%", "%%"))
		}
	}
	return strings.Join(words, " "), nil
}

// CheckUser says whether a login name can stand in a block; the error is a *WordError.
func CheckUser(user string) error {
	if !login.MatchString(user) {
		return &WordError{Word: user, Why: "is no login name that a ProxyCommand can have"}
	}
	return nil
}

func writeUser(b *strings.Builder, user string) {
	if login.MatchString(user) {
		fmt.Fprintf(b, "    User %s\n", user)
	}
}

// asUser says whose key is made sure of. It is not %r: that is what somebody typed, and a shell would read it.
func asUser(user string) string {
	if !login.MatchString(user) {
		return ""
	}
	return " -l " + user
}

// What names are made of. They come from the network, and are written where a shell reads them.
var (
	name   = regexp.MustCompile(`^[a-z][-a-z0-9]*$`)
	number = regexp.MustCompile(`^[0-9]+$`)
	login  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	plain  = regexp.MustCompile(`^[A-Za-z0-9_.:/@=,+-]+$`)
)
