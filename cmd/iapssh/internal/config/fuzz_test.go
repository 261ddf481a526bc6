package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Any bytes as a configuration give a plan or an error, the same twice.
func FuzzConfig(f *testing.F) {
	for _, text := range slices.Concat(differentialConfigs, differentialErrors) {
		f.Add([]byte(text))
	}
	f.Add([]byte("Host a\n Include config\n"))
	f.Add([]byte("Match exec x\n\x00\xff\xfe\n\f= = \"\n'\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := withConfig(string(data))
		m.status = map[string]int{"true": 0, "x": 1}
		checkTwice(t, m, []string{"u@vm.us-east1-b.proj", "ls"})
	})
}

// Any arguments give a plan or an error, the same twice.
func FuzzArgv(f *testing.F) {
	for _, args := range differentialArgs {
		f.Add(strings.Join(args, "\x00"))
	}
	f.Add("--listen-on-stdin\x00vm\x0022\x00--project=p\x00--zone=z")
	f.Fuzz(func(t *testing.T, line string) {
		checkTwice(t, withConfig("Port 7\n"), strings.Split(line, "\x00"))
	})
}

func checkTwice(t *testing.T, m machine, argv []string) {
	p, err := Resolve(t.Context(), "iapssh", argv, m.effects())
	again, err2 := Resolve(t.Context(), "iapssh", argv, m.effects())
	if !reflect.DeepEqual(p, again) || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
		t.Errorf("not the same twice:\n%+v %v\n%+v %v", p, err, again, err2)
	}
	if err == nil && p.Mode == "" {
		t.Error("neither plan nor error")
	}
	if err == nil && p.Mode == ModeSSH && (p.Host == "" || p.Port < 1 || p.Port > 65535) {
		t.Errorf("no destination: %+v", p)
	}
}
