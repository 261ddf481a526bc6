package sshclient

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

func TestRank(t *testing.T) {
	keys := map[string]ssh.PublicKey{}
	for _, name := range []string{"a", "b", "c", "d"} {
		keys[name] = sshtest.NewKey().PublicKey()
	}
	// Names are keys; a trailing ? is a file whose public key is not known.
	candidates := func(names string, agent bool) []candidate {
		var list []candidate
		for _, name := range strings.Fields(names) {
			list = append(list, candidate{source: name, public: keys[name], agent: agent})
		}
		return list
	}
	for _, test := range []struct {
		name, files, agent string
		only               bool
		want               string
	}{
		{name: "files alone", files: "a b", want: "a b"},
		{name: "agent alone", agent: "a b", want: "a* b*"},
		{name: "agent before files", files: "a", agent: "b", want: "b* a"},
		{name: "configured keys of the agent first", files: "c a", agent: "b a", want: "a* b* c"},
		{name: "in the agent's order", files: "a b", agent: "b a", want: "b* a*"},
		{name: "identities only", files: "c a", agent: "b a d", only: true, want: "a* c"},
		{name: "identities only, none", agent: "a b", only: true, want: ""},
		{name: "file twice", files: "a a b", want: "a b"},
		{name: "unknown public keys stay", files: "x? x? a", agent: "a", want: "a* x? x?"},
	} {
		var got []string
		for _, c := range rank(nil, candidates(test.files, false), candidates(test.agent, true), test.only) {
			name := c.source
			if c.agent {
				name += "*"
			}
			got = append(got, name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, want %s", test.name, got, test.want)
		}
	}
}
