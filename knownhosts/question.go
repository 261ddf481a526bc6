package knownhosts

import (
	"fmt"
	"strings"
)

// maxOtherNames is how many other names of a key the question lists.
const maxOtherNames = 8

// A Question is one that the user is asked.
type Question struct {
	Text  string // ready for the answer to be typed behind it
	Again string // asks for another answer

	fingerprint string // means yes; empty: none does
}

// Question asks about an unknown key.
func (v Verdict) Question() Question {
	address := "<no hostip for proxy command>"
	if v.Address != "" {
		address = printable(Name(v.Address, v.Port))
	}
	lines := []string{
		fmt.Sprintf("The authenticity of host '%s (%s)' can't be established.", v.shownName(), address),
		fmt.Sprintf("%s key fingerprint is %s.", TypeName(v.Key), v.fingerprint()),
	}
	if v.Show.Visual {
		lines = append(lines, v.Show.Hash.Randomart(v.Key))
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
		lines = append(lines, printable(fmt.Sprintf("    %s:%d: %s", withTilde(e.File, v.Show.Home), e.Number, hosts)))
	}
	lines = append(lines, "Are you sure you want to continue connecting (yes/no/[fingerprint])? ")
	return Question{strings.Join(lines, "\n"), "Please type 'yes', 'no' or the fingerprint: ", v.fingerprint()}
}

func withTilde(path, home string) string {
	home = strings.TrimSuffix(home, "/")
	if rest, ok := strings.CutPrefix(path, home+"/"); ok && home != "" {
		return "~/" + rest
	}
	return path
}

// An Answer is what the user made of a [Question].
type Answer int

const (
	Again Answer = iota // neither yes nor no
	Yes
	No
)

// Answer understands a line that the user typed: yes, no, nothing (which is
// no), or the fingerprint exactly as it was shown (which is yes).
// (sshconnect.c confirm)
func (q Question) Answer(line string) Answer {
	line = strings.TrimLeft(line, " \t")
	if i := strings.IndexAny(line, " \t\r\n"); i >= 0 {
		line = line[:i]
	}
	switch {
	case line == "" || strings.EqualFold(line, "no"):
		return No
	case strings.EqualFold(line, "yes") || line == q.fingerprint:
		return Yes
	}
	return Again
}
