package vm

import (
	"strings"
	"testing"
)

// The table, row by row; each fact beside those that decide is tried both ways.
func TestDecidePush(t *testing.T) {
	login := pushFacts{Switch: "auto", User: "alice", Read: true, OSLogin: true, Profile: true, LoginUsers: []string{"alice"}}
	meta := pushFacts{Switch: "auto", User: "alice", Read: true, Profile: true}
	with := func(f pushFacts, change func(*pushFacts)) pushFacts { change(&f); return f }
	for _, test := range []struct {
		name  string
		facts pushFacts
		want  Action
		why   string
		vary  func(*pushFacts) // changes nothing
	}{
		{"switched off", with(login, func(f *pushFacts) { f.Switch = "no" }), ActRefuse, "--no-push", func(f *pushFacts) { f.Present, f.Terminal = true, true }},
		{"unreadable", with(meta, func(f *pushFacts) { f.Read = false }), ActRefuse, "cannot be read", func(f *pushFacts) { f.Switch, f.Terminal = "instance", true }},
		{"Windows", with(login, func(f *pushFacts) { f.Windows = true }), ActRefuse, "Windows", func(f *pushFacts) { f.Switch = "instance" }},
		{"no profile", with(login, func(f *pushFacts) { f.Profile = false }), ActRefuse, "profile cannot be read", func(f *pushFacts) { f.Switch, f.Terminal = "instance", true }},
		{"another user", with(login, func(f *pushFacts) { f.User = "root" }), ActRefuse, "you are alice there, not root", func(f *pushFacts) { f.Present, f.Certificates = true, true }},
		{"certificates", with(login, func(f *pushFacts) { f.Certificates = true }), ActCertify, "", func(f *pushFacts) { f.Present, f.Switch = true, "instance" }},
		{"in the profile", with(login, func(f *pushFacts) { f.Present = true }), ActUse, "", func(f *pushFacts) { f.Switch = "project" }},
		{"OS Login", login, ActLogin, "", func(f *pushFacts) { f.Switch, f.Terminal, f.Blocked = "instance", true, true }},
		{"OS Login, no POSIX account yet", with(login, func(f *pushFacts) { f.LoginUsers = nil }), ActLogin, "", func(f *pushFacts) { f.User = "whoever" }},
		{"in the metadata", with(meta, func(f *pushFacts) { f.Present = true }), ActUse, "", func(f *pushFacts) { f.Switch, f.Certificates = "project", true }},
		{"project, and shut out", with(meta, func(f *pushFacts) { f.Switch, f.Blocked = "project", true }), ActRefuse, "--push-key=instance", func(f *pushFacts) { f.Terminal = true }},
		{"project", with(meta, func(f *pushFacts) { f.Switch = "project" }), ActProject, "", func(f *pushFacts) { f.Terminal, f.Profile = true, false }},
		{"instance", with(meta, func(f *pushFacts) { f.Switch = "instance" }), ActInstance, "", func(f *pushFacts) { f.Terminal, f.Blocked = true, true }},
		{"terminal", with(meta, func(f *pushFacts) { f.Terminal = true }), ActAsk, "", func(f *pushFacts) { f.Blocked, f.Profile = true, false }},
		{"nobody to ask", meta, ActRefuse, "--push-key=instance", func(f *pushFacts) { f.Blocked, f.LoginUsers = true, []string{"x"} }},
	} {
		for _, facts := range []pushFacts{test.facts, with(test.facts, test.vary)} {
			if got := decidePush(facts); got.Action != test.want || !strings.Contains(got.Why, test.why) || got.Why == "" {
				t.Errorf("%s: %+v of %+v", test.name, got, facts)
			}
		}
	}
}
