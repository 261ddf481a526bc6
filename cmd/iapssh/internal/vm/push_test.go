package vm

import (
	"strings"
	"testing"
)

// The table, row by row; each fact beside those that decide is tried both ways.
func TestDecidePush(t *testing.T) {
	login := PushFacts{Switch: "auto", User: "alice", Read: true, OSLogin: true, Profile: true, LoginUsers: []string{"alice"}}
	meta := PushFacts{Switch: "auto", User: "alice", Read: true, Profile: true}
	with := func(f PushFacts, change func(*PushFacts)) PushFacts { change(&f); return f }
	for _, test := range []struct {
		name  string
		facts PushFacts
		want  Action
		why   string
		vary  func(*PushFacts) // changes nothing
	}{
		{"switched off", with(login, func(f *PushFacts) { f.Switch = "no" }), ActRefuse, "--no-push", func(f *PushFacts) { f.Present, f.Terminal = true, true }},
		{"unreadable", with(meta, func(f *PushFacts) { f.Read = false }), ActRefuse, "cannot be read", func(f *PushFacts) { f.Switch, f.Terminal = "instance", true }},
		{"Windows", with(login, func(f *PushFacts) { f.Windows = true }), ActRefuse, "Windows", func(f *PushFacts) { f.Switch = "instance" }},
		{"no profile", with(login, func(f *PushFacts) { f.Profile = false }), ActRefuse, "profile cannot be read", func(f *PushFacts) { f.Switch, f.Terminal = "instance", true }},
		{"another user", with(login, func(f *PushFacts) { f.User = "root" }), ActRefuse, "you are alice there, not root", func(f *PushFacts) { f.Present, f.Certificates = true, true }},
		{"certificates", with(login, func(f *PushFacts) { f.Certificates = true }), ActCertify, "", func(f *PushFacts) { f.Present, f.Switch = true, "instance" }},
		{"in the profile", with(login, func(f *PushFacts) { f.Present = true }), ActUse, "", func(f *PushFacts) { f.Switch = "project" }},
		{"OS Login", login, ActLogin, "", func(f *PushFacts) { f.Switch, f.Terminal, f.Blocked = "instance", true, true }},
		{"OS Login, no POSIX account yet", with(login, func(f *PushFacts) { f.LoginUsers = nil }), ActLogin, "", func(f *PushFacts) { f.User = "whoever" }},
		{"in the metadata", with(meta, func(f *PushFacts) { f.Present = true }), ActUse, "", func(f *PushFacts) { f.Switch, f.Certificates = "project", true }},
		{"project, and shut out", with(meta, func(f *PushFacts) { f.Switch, f.Blocked = "project", true }), ActRefuse, "--push-key=instance", func(f *PushFacts) { f.Terminal = true }},
		{"project", with(meta, func(f *PushFacts) { f.Switch = "project" }), ActProject, "", func(f *PushFacts) { f.Terminal, f.Profile = true, false }},
		{"instance", with(meta, func(f *PushFacts) { f.Switch = "instance" }), ActInstance, "", func(f *PushFacts) { f.Terminal, f.Blocked = true, true }},
		{"terminal", with(meta, func(f *PushFacts) { f.Terminal = true }), ActAsk, "", func(f *PushFacts) { f.Blocked, f.Profile = true, false }},
		{"nobody to ask", meta, ActRefuse, "--push-key=instance", func(f *PushFacts) { f.Blocked, f.LoginUsers = true, []string{"x"} }},
	} {
		for _, facts := range []PushFacts{test.facts, with(test.facts, test.vary)} {
			if got := DecidePush(facts); got.Action != test.want || !strings.Contains(got.Why, test.why) || got.Why == "" {
				t.Errorf("%s: %+v of %+v", test.name, got, facts)
			}
		}
	}
}
