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

// Processes that start together, as with Ansible, all connect, and ask for one access token between them. Those that come later
// ask Google for nothing.
func TestManyAtOnce(t *testing.T) {
	l, err := lab.New(lab.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	iapssh, err := exec.LookPath("iapssh")
	if err != nil {
		t.Fatal(err)
	}
	environ := l.Environ(os.Environ())

	var start, all sync.WaitGroup
	start.Add(1)
	for range *processes {
		all.Go(func() {
			start.Wait()
			connect(t, iapssh, environ)
		})
	}
	start.Done()
	all.Wait()
	if c := l.Google.Counts(); c.Token != 1 {
		t.Errorf("cold: %+v", c)
	}

	l.Google.ForgetCounts()
	connect(t, iapssh, environ)
	if c := l.Google.Counts(); c.All != 0 {
		t.Errorf("warm: %+v", c)
	}
}

// connect is one process.
func connect(t *testing.T, iapssh string, environ []string) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(iapssh, "-o", "BatchMode=yes", lab.VM, "echo here")
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, &stdout, &stderr
	if err := cmd.Run(); err != nil || strings.TrimSpace(stdout.String()) != "here" {
		t.Errorf("%v: %q, %q", err, stdout.String(), stderr.String())
	}
}
