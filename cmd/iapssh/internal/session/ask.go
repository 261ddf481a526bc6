package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
)

// defaultAskpass is what SSH_ASKPASS is when it is not set.
const defaultAskpass = "/usr/bin/ssh-askpass"

// maxAnswer bounds what an askpass program may answer, as in ssh.
const maxAnswer = 1024

var errNoAnswer = errors.New("no answer")

// asker asks the user for secrets and decisions: on the terminal, wherever the
// standard files lead, or by the program of SSH_ASKPASS. Which one is ssh's choice
// (readpass.c).
type asker struct {
	environ []string
	stderr  io.Writer                // the program's
	asking  func() (answered func()) // may be nil
}

func newAsker(local Local) asker { return asker{local.Environ, local.RemoteStderr, local.Asking} }

// ask returns one line. The error is the context's, one that wraps tty.ErrNoTerminal,
// or errNoAnswer.
func (a asker) ask(ctx context.Context, prompt string, echo bool) (string, error) {
	if a.asking != nil {
		defer a.asking()()
	}
	terminal, err := tty.Open()
	if err == nil {
		defer terminal.Close()
	}
	if program := askpass(a.environ, err == nil); program != "" {
		return a.run(ctx, program, prompt)
	}
	if err != nil {
		return "", err
	}
	// As in ssh the carriage return covers what was typed ahead.
	answer, err := terminal.Ask(ctx, "\r"+prompt, echo)
	if errors.Is(err, io.EOF) {
		return "", nil
	}
	return answer, err
}

// askpass returns the program that asks, empty when the terminal does.
func askpass(environ []string, haveTerminal bool) string {
	allowed := variable(environ, "DISPLAY") != "" || variable(environ, "WAYLAND_DISPLAY") != ""
	use := false
	switch strings.ToLower(variable(environ, "SSH_ASKPASS_REQUIRE")) {
	case "force":
		use, allowed = true, true
	case "prefer":
		use = allowed
	case "never":
		allowed = false
	}
	if !allowed || !use && haveTerminal {
		return ""
	}
	if program := variable(environ, "SSH_ASKPASS"); program != "" {
		return program
	}
	return defaultAskpass
}

// run has a program ask. Its answer is the first line that it prints.
func (a asker) run(ctx context.Context, program, prompt string) (string, error) {
	cmd := exec.CommandContext(ctx, program, prompt)
	cmd.Env = a.environ
	cmd.Stderr = a.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(a.stderr, "ssh_askpass: exec(%s): %v\n", program, cause(err))
		return "", err
	}
	answer, readErr := io.ReadAll(io.LimitReader(out, maxAnswer))
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", errNoAnswer
	}
	line, _, _ := strings.Cut(string(answer), "\n")
	return strings.TrimSuffix(line, "\r"), readErr
}

// cause is an error of exec without the name of what could not be run.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// variable is the value of an environment variable, the last one given.
func variable(environ []string, name string) string {
	value := ""
	for _, pair := range environ {
		if rest, ok := strings.CutPrefix(pair, name+"="); ok {
			value = rest
		}
	}
	return value
}
