package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/iapssh/iapssh/cmd/internal/lab"
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
