package config

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// A plan goes to a child process as JSON and must arrive unchanged.
func TestPlanJSON(t *testing.T) {
	m := withConfig("Host vm\n IAPProject p\n IAPZone z\n SetEnv A=b\n SendEnv LC_*\n ConnectTimeout 3\n VisualHostKey yes\n")
	p, err := m.resolve(t, "-v u@vm ls -l")
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, back) {
		t.Errorf("got  %+v\nwant %+v", back, p)
	}
}

func TestWantTTY(t *testing.T) {
	for _, test := range []struct {
		plan          Plan
		terminal      bool
		want, refused bool
	}{
		{Plan{RequestTTY: "auto"}, true, true, false},
		{Plan{RequestTTY: "auto"}, false, false, true},
		{Plan{RequestTTY: "auto", Command: "ls"}, true, false, false},
		{Plan{RequestTTY: "auto", Command: "ls"}, false, false, false},
		{Plan{RequestTTY: "yes", Command: "ls"}, true, true, false},
		{Plan{RequestTTY: "yes", Command: "ls"}, false, false, true},
		{Plan{RequestTTY: "force", Command: "ls"}, false, true, false},
		{Plan{RequestTTY: "no"}, true, false, false},
		{Plan{RequestTTY: "no"}, false, false, false},
		{Plan{RequestTTY: "auto", StdinNull: true}, true, false, true},
		{Plan{RequestTTY: "auto", SessionType: "none"}, true, false, false},
	} {
		want, refused := test.plan.WantTTY(test.terminal)
		if want != test.want || refused != test.refused {
			t.Errorf("%+v on terminal %v: %v, %v; want %v, %v", test.plan, test.terminal, want, refused, test.want, test.refused)
		}
	}
}

func TestEnvironment(t *testing.T) {
	p := Plan{SendEnv: []string{"LC_*", "T?RM"}, SetEnv: []string{"A=1"}}
	got := p.Environment([]string{"LC_ALL=C", "LANG=C", "TERM=x=y", "TRM=", "=C:=C:", "odd"})
	if want := []string{"LC_ALL=C", "TERM=x=y", "A=1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTimeoutOf(t *testing.T) {
	p, err := withConfig("ChannelTimeout global=1h *-connection=5m session=0 *=90 direct*=1\n").resolve(t, "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]time.Duration{
		"global": time.Hour, "agent-connection": 5 * time.Minute, "session": 0, "direct-tcpip": 90 * time.Second,
	} {
		if got := p.TimeoutOf(kind); got != want {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
	}
	if got := (Plan{ChannelTimeouts: []ChannelTimeout{{"*", time.Second}}}).TimeoutOf("global"); got != 0 {
		t.Errorf("global, of *: %v", got)
	}
}

// What a command says of the user is what he turns out to be; all else in it stays as it was.
func TestAs(t *testing.T) {
	p, err := withConfig("User ann\nPermitLocalCommand yes\nLocalCommand echo %r@%h 100%% %%r\nRemoteCommand id %r\n").resolve(t, "h.example")
	if err != nil || p.LocalCommand != "echo ann@h.example 100% %r" || p.Command != "id ann" {
		t.Errorf("%q, %q, %v", p.LocalCommand, p.Command, err)
	}
	p = p.As("%h")
	if p.User != "%h" || p.LocalCommand != "echo %h@h.example 100% %r" || p.Command != "id %h" {
		t.Errorf("%q, %q", p.LocalCommand, p.Command)
	}
	p, err = withConfig("").resolve(t, "h.example echo %r")
	if p = p.As("bob"); err != nil || p.Command != "echo %r" || p.LocalCommand != "" {
		t.Errorf("%q, %q, %v", p.LocalCommand, p.Command, err)
	}
}
