// Command iaplab runs a command inside a lab: a relay, Google's APIs and a VM on loopback, in a throw-away home directory, with
// everything set so that iapssh, stock ssh and other clients find them. No cloud account, no network, no root.
//
//	iaplab -- iapssh lab-vm
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"

	"github.com/iapssh/iapssh/cmd/internal/lab"
)

const usage = `usage: iaplab [flags] [--] [command [argument ...]]

Runs command (your shell, if none is given) with a relay, Google's APIs and one
VM, lab-vm, on loopback. Try: iaplab -- iapssh lab-vm

  --sshd        the VM runs this machine's OpenSSH sshd, not the built-in server
  --first-use   known_hosts begins empty, so that the VM's key is asked about
  --more=N      further VMs, lab-vm-1 and so on, which are the same machine
`

const (
	exitFailure  = 125 // the lab itself failed
	exitNotFound = 127 // there is no such command, as a shell says it
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(argv []string, stderr io.Writer) int {
	cfg := lab.Config{Granted: true}
	flags := flag.NewFlagSet("iaplab", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&cfg.SSHD, "sshd", false, "")
	flags.BoolVar(&cfg.FirstUse, "first-use", false, "")
	flags.IntVar(&cfg.More, "more", 0, "")
	switch err := flags.Parse(argv); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "iaplab: %v\n%s", err, usage)
		return exitFailure
	}
	code, err := inLab(cfg, flags.Args())
	if err != nil {
		fmt.Fprintf(stderr, "iaplab: %v\n", err)
	}
	return code
}

// inLab makes a lab, runs the command in it, and takes the lab away again.
func inLab(cfg lab.Config, command []string) (code int, err error) {
	cfg.Dir, err = os.MkdirTemp("", "iaplab-")
	if err != nil {
		return exitFailure, err
	}
	defer os.RemoveAll(cfg.Dir)
	l, err := lab.New(cfg)
	if err != nil {
		return exitFailure, err
	}
	defer l.Close()
	if len(command) == 0 {
		command = []string{shell()}
	}
	// Our own PATH too, since it decides which command is meant.
	if err := os.Setenv("PATH", l.Path(os.Getenv("PATH"), ownDir())); err != nil {
		return exitFailure, err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(l.Environ(os.Environ()), goCaches()...)
	return wait(cmd)
}

// ownDir is where the iapssh beside us lies, which the lab's ssh runs.
func ownDir() string {
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}

// goCaches keeps Go's caches where they were, so that go works in the lab without starting over.
func goCaches() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	gopath := fallback("GOPATH", filepath.Join(home, "go"))
	env := []string{"GOPATH=" + gopath, "GOMODCACHE=" + fallback("GOMODCACHE", filepath.Join(gopath, "pkg", "mod"))}
	if cache, err := os.UserCacheDir(); err == nil {
		env = append(env, "GOCACHE="+fallback("GOCACHE", filepath.Join(cache, "go-build")))
	}
	return env
}

func fallback(name, value string) string {
	if set := os.Getenv(name); set != "" {
		return set
	}
	return value
}

// wait runs the command and gives its exit code; signals that reach us are the command's.
func wait(cmd *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded()...)
	defer signal.Stop(signals)
	switch err := cmd.Start(); {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist):
		return exitNotFound, err
	case err != nil:
		return exitFailure, err
	}
	done := make(chan struct{})
	go forward(cmd.Process, signals, done)
	err := cmd.Wait()
	close(done)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return exitFailure, err
	}
	return exitCode(cmd.ProcessState), nil
}

func forward(p *os.Process, signals <-chan os.Signal, done <-chan struct{}) {
	for {
		select {
		case s := <-signals:
			if reachesUsAlone(s) {
				p.Signal(s)
			}
		case <-done:
			return
		}
	}
}

func shell() string {
	if runtime.GOOS == "windows" {
		return fallback("COMSPEC", "cmd.exe")
	}
	return fallback("SHELL", "/bin/sh")
}
