package knownhosts

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxOtherNames is how many other names of a key the question lists.
const maxOtherNames = 8

// Question returns what to ask about an unknown key, ready for the answer to be
// typed behind it. Home, if set, is the directory that is shown as "~".
func (v Verdict) Question(home string) string {
	address := "<no hostip for proxy command>"
	if v.Address != "" {
		address = printable(Name(v.Address, v.Port))
	}
	lines := []string{
		fmt.Sprintf("The authenticity of host '%s (%s)' can't be established.", v.shownName(), address),
		fmt.Sprintf("%s key fingerprint is %s.", TypeName(v.Key), ssh.FingerprintSHA256(v.Key)),
	}
	if len(v.OtherNames) == 0 {
		lines = append(lines, "This key is not known by any other names.")
	} else {
		lines = append(lines, "This host key is known by the following other names/addresses:")
	}
	for i, e := range v.OtherNames {
		if i == maxOtherNames {
			lines = append(lines, fmt.Sprintf("    (%d additional names omitted)", len(v.OtherNames)-i))
			break
		}
		hosts := e.Hosts
		if strings.HasPrefix(hosts, hashMagic) {
			hosts = "[hashed name]"
		}
		lines = append(lines, printable(fmt.Sprintf("    %s:%d: %s", withTilde(e.File, home), e.Number, hosts)))
	}
	lines = append(lines, "Are you sure you want to continue connecting (yes/no/[fingerprint])? ")
	return strings.Join(lines, "\n")
}

func withTilde(path, home string) string {
	home = strings.TrimSuffix(home, "/")
	if rest, ok := strings.CutPrefix(path, home+"/"); ok && home != "" {
		return "~/" + rest
	}
	return path
}

// AskAgain is the prompt for another answer.
const AskAgain = "Please type 'yes', 'no' or the fingerprint: "

// An Answer is what the user made of [Verdict.Question].
type Answer int

const (
	Again Answer = iota // neither yes nor no: prompt with AskAgain
	Yes
	No
)

// Answer understands a line that the user typed: yes, no, nothing (which is
// no), or the fingerprint of the key exactly as it was shown (which is yes).
// (sshconnect.c confirm)
func (v Verdict) Answer(line string) Answer {
	line = strings.TrimLeft(line, " \t")
	if i := strings.IndexAny(line, " \t\r\n"); i >= 0 {
		line = line[:i]
	}
	switch {
	case line == "" || strings.EqualFold(line, "no"):
		return No
	case strings.EqualFold(line, "yes") || line == ssh.FingerprintSHA256(v.Key):
		return Yes
	}
	return Again
}
