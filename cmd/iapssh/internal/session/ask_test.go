package session

import "testing"

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
