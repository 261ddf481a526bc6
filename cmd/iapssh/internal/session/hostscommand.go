package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/knownhosts"
)

const (
	// commandPatience is how long a KnownHostsCommand may take. (ssh waits for ever.)
	commandPatience = time.Minute
	// commandOutput is how much of what it prints is taken, in bytes.
	commandOutput = 16 << 20
	// commandGrace is how long its descendants may hold its output open once it has ended.
	commandGrace = time.Second
)

var errCommandOutput = fmt.Errorf("more than %d MiB of output", commandOutput>>20)

// told has KnownHostsCommand say what it knows of a host, by its stored name. Why is what ssh calls the occasion: ORDER, before
// there is a key, HOSTNAME or ADDRESS. A command that cannot be run says nothing; one that fails ends the connection.
// (OpenSSH: sshconnect.c load_hostkeys_command.)
func (t *hostTrust) told(ctx context.Context, why, name string, key ssh.PublicKey) ([]knownhosts.File, error) {
	if len(t.plan.KnownHostsCommand) == 0 {
		return nil, nil
	}
	tag := "KnownHostsCommand-" + why
	args, err := t.commandLine(why, name, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tag, err)
	}
	if !filepath.IsAbs(args[0]) {
		t.out.error(tag + " path is not absolute")
		return nil, nil
	}
	text, err := runBounded(ctx, args)
	var start *startError
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &start):
		t.out.error(fmt.Sprintf("%s %v", tag, err))
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("KnownHostsCommand failed: %s: %w", args[0], err)
	}
	return []knownhosts.File{{Path: tag, Text: text}}, nil
}

func (t *hostTrust) commandLine(why, name string, key ssh.PublicKey) ([]string, error) {
	late := map[byte]string{'r': t.plan.User, 'I': why, 'H': name, 't': "NONE", 'f': "NONE", 'K': "NONE"}
	if key != nil {
		late['t'], late['f'], late['K'] = key.Type(), t.query.Show.Hash.Fingerprint(key), base64.StdEncoding.EncodeToString(key.Marshal())
	}
	args := []string{t.plan.KnownHostsCommand[0]}
	for _, arg := range t.plan.KnownHostsCommand[1:] {
		arg, err := config.ExpandLate(arg, late)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return args, nil
}

// startError tells that a command was never run.
type startError struct{ err error }

func (e *startError) Error() string { return "could not be run: " + e.err.Error() }

// runBounded runs a command with no input and returns its output. Its messages go where ours go.
func runBounded(ctx context.Context, args []string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandPatience, fmt.Errorf("it did not end within %v", commandPatience))
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = commandGrace
	stdout := limited{left: commandOutput}
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		return "", &startError{err}
	}
	err := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case stdout.left < 0: // the command has died of it
		err = errCommandOutput
	}
	return stdout.text.String(), err
}

// limited keeps what is written, and fails when it is too much.
type limited struct {
	text strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errCommandOutput
	}
	return l.text.Write(p)
}
