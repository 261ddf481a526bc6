package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
	"github.com/iapssh/iapssh/cmd/internal/lab"
)

var (
	vms      = flag.Int("vms", 150, "how many VMs TestConfigSSHOfMany has")
	ownBound = flag.Duration("ownbound", time.Hour, "how much of its own time --config-ssh may take")
)

var processes = flag.Int("processes", 20, "how many processes TestManyAtOnce starts together")

// Processes that start together, as with Ansible, and know nothing but the name of one of three VMs, all connect; between them they ask
// for one access token, look each name up once, and import one key once for the region. Those that come later ask Google for nothing.
func TestManyAtOnce(t *testing.T) {
	l, err := lab.New(lab.Config{Dir: t.TempDir(), Granted: true, More: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Google.SetMetadata(lab.Project, "", "", "enable-oslogin", "TRUE")
	vms := []string{lab.VM, lab.VM + "-1", lab.VM + "-2"}
	l.Google.SetLogin("alice")
	if err := os.Remove(l.Files.Key); err != nil { // what the VM would let in
		t.Fatal(err)
	}
	iapssh, err := exec.LookPath("iapssh")
	if err != nil {
		t.Fatal(err)
	}
	environ := append(l.Environ(os.Environ()), "CLOUDSDK_COMPUTE_ZONE=")

	var start, all sync.WaitGroup
	start.Add(1)
	for i := range *processes {
		all.Go(func() {
			start.Wait()
			connect(t, iapssh, environ, vms[i%len(vms)])
		})
	}
	start.Done()
	all.Wait()
	calls := map[string]int{}
	for _, call := range l.Google.Calls() {
		calls[call]++
	}
	if c := l.Google.Counts(); c.Token != 1 || calls["compute.instances.aggregatedList"] != len(vms) || calls["oslogin.users.importSshPublicKey"] != 1 {
		t.Errorf("cold: %+v, %v", c, calls)
	}

	l.Google.ForgetCounts()
	connect(t, iapssh, environ, lab.VM)
	if c := l.Google.Counts(); c.All != 0 {
		t.Errorf("warm: %+v", c)
	}
}

// connect is one process.
func connect(t *testing.T, iapssh string, environ []string, vm string) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(iapssh, "-o", "BatchMode=yes", vm, "echo here")
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, &stdout, &stderr
	if err := cmd.Run(); err != nil || strings.TrimSpace(stdout.String()) != "here" {
		t.Errorf("%v: %q, %q", err, stdout.String(), stderr.String())
	}
}

// All VMs of a large project get their blocks, in little time of our own: that of the processor, of which waiting for Google is none.
func TestConfigSSHOfMany(t *testing.T) {
	l, err := lab.New(lab.Config{Dir: t.TempDir(), Granted: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range *vms {
		l.Google.AddInstance(lab.Project, googletest.Instance{
			Name: fmt.Sprintf("vm-%04d", i), Zone: lab.Zone, Metadata: map[string]string{"startup-script": strings.Repeat("echo starting\n", 100)},
		})
	}
	iapssh, err := exec.LookPath("iapssh")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"makes the key", "has it"} {
		cmd := exec.Command(iapssh, "--config-ssh")
		cmd.Env = l.Environ(os.Environ())
		out, err := cmd.CombinedOutput()
		own := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		t.Logf("%d VMs, a run that %s: %v of its own time", *vms+1, key, own)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if key == "has it" && own > *ownBound {
			t.Errorf("%v of its own time, for %d VMs", own, *vms)
		}
	}
	text, err := os.ReadFile(filepath.Join(l.Files.Home, ".ssh", "iapssh_config"))
	if blocks := strings.Count(string(text), "\nHost "); err != nil || blocks != *vms+2 {
		t.Errorf("%d blocks, %v", blocks, err)
	}
	last := fmt.Sprintf("vm-%04d.%s.%s", *vms-1, lab.Zone, lab.Project)
	for _, ssh := range []string{"ssh", iapssh} {
		cmd := exec.Command(ssh, "-F", filepath.Join(l.Files.Home, ".ssh", "config"), "-G", last)
		cmd.Env = l.Environ(os.Environ())
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "\nhostkeyalias compute.") {
			t.Errorf("%s of the last block: %v\n%.2000s", ssh, err, out)
		}
	}
}
