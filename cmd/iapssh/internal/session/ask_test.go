package session

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// The rules are those of OpenSSH's readpass.c.
func TestAskpass(t *testing.T) {
	for _, test := range []struct {
		environ  []string
		terminal bool
		want     string
	}{
		{nil, true, ""},
		{nil, false, ""},
		{[]string{"DISPLAY=:0", "SSH_ASKPASS=/a"}, true, ""},
		{[]string{"DISPLAY=:0", "SSH_ASKPASS=/a"}, false, "/a"},
		{[]string{"WAYLAND_DISPLAY=w"}, false, defaultAskpass},
		{[]string{"SSH_ASKPASS=/a"}, false, ""},
		{[]string{"SSH_ASKPASS=/a", "SSH_ASKPASS_REQUIRE=force"}, true, "/a"},
		{[]string{"SSH_ASKPASS=/a", "SSH_ASKPASS_REQUIRE=prefer"}, true, ""},
		{[]string{"DISPLAY=:0", "SSH_ASKPASS=/a", "SSH_ASKPASS_REQUIRE=Prefer"}, true, "/a"},
		{[]string{"DISPLAY=:0", "SSH_ASKPASS=/a", "SSH_ASKPASS_REQUIRE=never"}, false, ""},
	} {
		if got := askpass(test.environ, test.terminal); got != test.want {
			t.Errorf("%q, terminal %t: %q, want %q", test.environ, test.terminal, got, test.want)
		}
	}
}

// That nobody can be asked because there is no such program is told: ssh-askpass is often not installed.
func TestAskpassMissing(t *testing.T) {
	var stderr bytes.Buffer
	program := filepath.Join(t.TempDir(), "none")
	a := asker{environ: []string{"SSH_ASKPASS_REQUIRE=force", "SSH_ASKPASS=" + program}, stderr: &stderr}
	if _, err := a.ask(t.Context(), "Password: ", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if got, want := stderr.String(), "ssh_askpass: exec("+program+"): "; !strings.HasPrefix(got, want) || strings.Count(got, program) != 1 {
		t.Errorf("%q", got)
	}
}
