package config

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// Any bytes as a configuration give a plan or an error, the same twice and soon.
func FuzzConfig(f *testing.F) {
	for _, text := range slices.Concat(differentialConfigs, differentialErrors) {
		f.Add([]byte(text))
	}
	for i := range uint64(20) {
		f.Add([]byte(generate(rand.New(rand.NewPCG(generatedSeed, i)))))
	}
	for _, l := range proxyLines {
		f.Add([]byte("ProxyCommand " + l.line + "\n"))
	}
	f.Add([]byte("Host a\n Include config\n"))
	f.Add([]byte("Match exec x\n\x00\xff\xfe\n\f= = \"\n'\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := withConfig(string(data))
		m.status = map[string]int{"true": 0, "x": 1}
		m.names = map[string]string{"a": "b.", "a.b.c.": "d."}
		for _, argv := range [][]string{{"u@vm.us-east1-b.proj", "ls"}, {"vm"}, {"-G", "a"}} {
			checkTwice(t, m, "iapssh", argv)
		}
	})
}

// Any arguments give a plan or an error, the same twice and soon.
func FuzzArgv(f *testing.F) {
	for _, args := range differentialArgs {
		f.Add("iapssh", strings.Join(args, "\x00"))
		f.Add("iapssh", "-G\x00"+strings.Join(args, "\x00"))
	}
	f.Add("iapssh", "--listen-on-stdin\x00vm\x0022\x00--project=p\x00--zone=z")
	f.Add("iapproxy", "--listen-on-stdin\x00--project=p\x00--zone=z\x00vm\x0022")
	f.Add("iapssh", "-oProxyCommand=gcloud compute start-iap-tunnel %h %p\x00vm")
	for _, line := range []string{"ssh vm", "--project p ssh --zone=z u@vm --command=ls --dry-run -- -v -L 1:h:2 ls", "ssh vm --ssh-flag=-L1:%INSTANCE%:2",
		"ssh vm --ssh-key-expire-after=P1DT2H --ssh-key-file=k", "ssh 10.0.0.1 --region=r --network=n", "start-iap-tunnel vm 22 --local-host-port=:1", "scp a vm:b"} {
		f.Add("iapssh", strings.Join(append([]string{"--gcloud", "compute"}, strings.Fields(line)...), "\x00"))
	}
	f.Fuzz(func(t *testing.T, program, line string) {
		checkTwice(t, withConfig("Port 7\n"), program, strings.Split(line, "\x00"))
	})
}

func checkTwice(t *testing.T, m machine, program string, argv []string) {
	begin := time.Now()
	p, err := Resolve(t.Context(), program, argv, m.effects())
	if took := time.Since(begin); took > time.Second {
		t.Errorf("took %v", took)
	}
	again, err2 := Resolve(t.Context(), program, argv, m.effects())
	if !reflect.DeepEqual(p, again) || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
		t.Errorf("not the same twice:\n%+v %v\n%+v %v", p, err, again, err2)
	}
	var usage *UsageError
	var bad *ConfigError
	switch {
	case errors.As(err, &bad) && bad.File == "":
		t.Errorf("an error that does not say where: %v", err)
	case err != nil && bad == nil && !errors.As(err, &usage) && !errors.As(err, new(*UnsupportedError)):
		t.Errorf("an error of no kind: %v", err)
	case err == nil && p.Mode == "":
		t.Error("neither plan nor error")
	case err == nil && p.Mode == ModeSSH && (p.Host == "" || p.Port < 1 || p.Port > 65535 || p.Route == ""):
		t.Errorf("no destination: %+v", p)
	case err == nil && p.Mode == ModeDryRun && !strings.HasSuffix(p.Output, "\n"):
		t.Errorf("no command: %+v", p)
	case err == nil && p.Mode == ModeConfig && !strings.Contains(p.Output, "\nport "):
		t.Errorf("no configuration: %+v", p)
	}
}
