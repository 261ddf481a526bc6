package config

import (
	"slices"
	"strings"
)

func (b *builder) trust(p *Plan) {
	p.HostKeyAlias = lower(b.s.word("hostkeyalias"))
	p.UserKnownHostsFiles = b.userKnownHosts()
	p.KnownHostsGiven = b.s["userknownhostsfile"].value != nil
	p.GlobalKnownHostsFiles = b.atHome("globalknownhostsfile", b.globalKnownHosts())
	p.StrictHostKeyChecking = first(b.s.word("stricthostkeychecking"), "ask")
	p.HashKnownHosts = b.s.flag("hashknownhosts", false)
	p.UpdateHostKeys = b.updateHostKeys()
	p.FingerprintHash = first(b.s.word("fingerprinthash"), "sha256")
	p.VisualHostKey = b.s.flag("visualhostkey", false)
	p.CheckHostIP = b.s.flag("checkhostip", false)
	p.TrustLocalhost = b.s.flag("nohostauthenticationforlocalhost", false)
	p.RevokedHostKeys = b.expandAll("revokedhostkeys", b.s["revokedhostkeys"].value)
	p.KnownHostsCommand = b.knownHostsCommand()
	p.RequiredRSASize = b.s.integer("requiredrsasize", 1024)
	p.HostKeyAlgorithms = b.s.word("hostkeyalgorithms")
	p.CASignatureAlgorithms = b.s.word("casignaturealgorithms")
}

func (b *builder) userKnownHosts() []string {
	files := b.s["userknownhostsfile"].value
	if files == nil {
		files = []string{"~/.ssh/known_hosts", "~/.ssh/known_hosts2"}
	}
	return b.expandAll("userknownhostsfile", files)
}

// globalKnownHosts are the files as they were written.
func (b *builder) globalKnownHosts() []string {
	files := b.s["globalknownhostsfile"].value
	if files == nil {
		dir := systemDir(b.effects)
		files = []string{dir + "/ssh_known_hosts", dir + "/ssh_known_hosts2"}
	}
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool { return strings.EqualFold(f, "none") })
}

// updateHostKeys is on by default as long as the file to update is the usual one.
func (b *builder) updateHostKeys() string {
	if given := b.s.word("updatehostkeys"); given != "" {
		return given
	}
	files := b.s["userknownhostsfile"].value
	usual := files == nil || slices.Equal(files, []string{"~/.ssh/known_hosts"})
	if verify := b.s.word("verifyhostkeydns"); usual && (verify == "" || verify == "no") {
		return "yes"
	}
	return "no"
}

// knownHostsCommand splits the command into the program, which is taken as it
// is, and arguments, in which what can be told now is told.
func (b *builder) knownHostsCommand() []string {
	command := b.s.word("knownhostscommand")
	if command == "" || strings.EqualFold(command, "none") {
		return nil
	}
	args, err := splitCommand(command)
	b.fail("knownhostscommand", err)
	for i := 1; i < len(args); i++ {
		args[i], err = b.conn.early("fHIKtr", b.effects.LookupEnv).expand(args[i])
		b.fail("knownhostscommand", err)
	}
	return args
}
