package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// keySettings is what flags say of the key that VMs may be given, in the grammars
// that do not read ssh_config. Empty fields were not given.
type keySettings struct{ user, file, lifetime, push string }

func (t tunnelLine) keySettings() keySettings {
	s := keySettings{
		user:     t.flags["-l"],
		file:     first(t.flags["--ensure-key"], t.flags["--ssh-key-file"]),
		lifetime: t.flags["--ssh-key-expire-after"],
		push:     t.flags["--push-key"],
	}
	if t.has("--no-push") {
		s.push = "no"
	}
	return s
}

// ensureFlags are those that go with --ensure-key.
var ensureFlags = []string{"-l", "--ssh-key-expire-after", "--push-key"}

const (
	googleKey          = "/google_compute_engine" // gcloud's, below ~/.ssh
	defaultKeyLifetime = 24 * time.Hour
)

// handKey sets which key a VM may be given, and how.
func (p *Plan) handKey(me local, s keySettings) error {
	p.SSHDir = me.home + "/.ssh"
	p.KeyFile = p.SSHDir + googleKey
	if s.file != "" {
		p.KeyFile = s.file
		if rest, ok := strings.CutPrefix(s.file, "~/"); ok { // no shell expands it behind "="
			p.KeyFile = me.home + "/" + rest
		}
	}
	p.PushKey = first(s.push, "auto")
	p.KeyLifetime = defaultKeyLifetime
	if s.lifetime != "" {
		seconds, ok := parseTime(s.lifetime)
		if !ok || seconds == 0 {
			return usage(fmt.Sprintf("--ssh-key-expire-after must be a time, such as 90m or 1d, not %q", s.lifetime))
		}
		p.KeyLifetime = time.Duration(seconds) * time.Second
	}
	if !slices.Contains([]string{"auto", "no", "instance", "project"}, p.PushKey) {
		return usage(fmt.Sprintf("--push-key must be auto, no, instance or project, not %q", p.PushKey))
	}
	return nil
}

// handKeyTo is handKey of a login that has no ssh_config either.
func (p *Plan) handKeyTo(me local, s keySettings) error {
	if p.User, p.UserGiven = first(s.user, me.user), s.user != ""; p.UserGiven && !validUser(s.user) {
		return usage("remote username contains invalid characters")
	}
	return p.handKey(me, s)
}
