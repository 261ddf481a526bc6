package config

import (
	"reflect"
	"testing"
)

func TestKnownHostsCommand(t *testing.T) {
	for _, test := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{"none", nil},
		{"/bin/keys", []string{"/bin/keys"}},
		{`/bin/%h "%h %n" # %% %H%I %t%f %K ${ODD}`, []string{"/bin/%h", "10.0.0.1 10.0.0.1", "#", "%%", "%H%I", "%t%f", "%K", "50%% of %%H"}},
	} {
		m := withConfig("Host *\n")
		if test.line != "" {
			m = withConfig("KnownHostsCommand " + test.line + "\n")
		}
		m.env = map[string]string{"ODD": "50% of %H"}
		p, err := m.resolve(t, "10.0.0.1")
		if err != nil || !reflect.DeepEqual(p.KnownHostsCommand, test.want) {
			t.Errorf("%q: got %q, %v, want %q", test.line, p.KnownHostsCommand, err, test.want)
		}
	}
	for _, line := range []string{`/bin/keys "`, "/bin/keys %T", "/bin/keys ${NO_SUCH}"} {
		if _, err := withConfig("KnownHostsCommand "+line+"\n").resolve(t, "10.0.0.1"); err == nil {
			t.Errorf("%q is accepted", line)
		}
	}
}

func TestExpandLate(t *testing.T) {
	got, err := ExpandLate("50%% of %%H: %H%I", map[byte]string{'H': "%I", 'I': "ORDER"})
	if err != nil || got != "50% of %H: %IORDER" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTrustSettings(t *testing.T) {
	p, err := withConfig("CheckHostIP yes\nVisualHostKey yes\nNoHostAuthenticationForLocalhost yes\nRevokedHostKeys ~/r %h\n").resolve(t, "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if !p.CheckHostIP || !p.VisualHostKey || !p.TrustLocalhost || !reflect.DeepEqual(p.RevokedHostKeys, []string{"/home/ann/r", "10.0.0.1"}) {
		t.Errorf("got %+v", p)
	}
	if p, err = withConfig("RevokedHostKeys none\n").resolve(t, "10.0.0.1"); err != nil || len(p.RevokedHostKeys) != 0 {
		t.Errorf("none: got %q, %v", p.RevokedHostKeys, err)
	}
}
