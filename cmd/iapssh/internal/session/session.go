// Package session is ssh's own duty: a shell or a command on a host that a connection already leads to. It joins sshclient, which
// speaks the protocol, with knownhosts, which judges the host, and tty, which is the terminal.
//
//	session.go   Run: handshake, start, run, exit code
//	trust.go     why a host key was accepted: known_hosts, and the question
//	learn.go     keys that are stored: new ones, and what a trusted server tells of its others
//	hostscommand.go  KnownHostsCommand
//	name.go      the name under which a host is known
//	terminal.go  raw mode and the sizes, for the length of a session
//	output.go    messages to the user, whatever mode the terminal is in
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/sshclient"
)

// Local is the near side of a session.
type Local struct {
	Stdin        *os.File
	Stdout       *os.File
	Stderr       io.Writer // messages, which -E may lead to a file
	RemoteStderr io.Writer // what the remote command writes to its stderr
	Environ      []string
	Version      string // in our SSH identification
}

// Run does what plan says over conn, which it closes, and gives the exit code of the remote command. ctx ends it; dialed is when
// the connection attempt began, from which ConnectTimeout counts. An error means that there is no exit code of the remote's.
func Run(ctx context.Context, plan config.Plan, conn net.Conn, dialed time.Time, local Local) (int, error) {
	// Whoever closes conn first, the process must not end before the relay has heard of it.
	defer conn.Close()
	out := &output{w: local.Stderr, level: plan.LogLevel}
	trust, err := newTrust(ctx, plan, conn, out)
	if err != nil {
		return 0, err
	}
	client, err := sshclient.Handshake(ctx, conn, clientConfig(plan, dialed, trust, out, local))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	defer trust.settle(ctx)
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()
	if plan.SessionType == "none" {
		<-client.Done()
		return 0, ended(ctx, plan, client.Err())
	}
	return runCommand(ctx, plan, client, out, local)
}

func clientConfig(plan config.Plan, dialed time.Time, trust *hostTrust, out *output, local Local) sshclient.Config {
	cfg := sshclient.Config{
		User:  plan.User,
		Host:  plan.Host,
		Trust: trust,
		Auth: sshclient.Auth{
			IdentitiesOnly: plan.IdentitiesOnly,
			AgentPath:      plan.AgentSocket,
			Passphrase:     askPassphrase,
			BatchMode:      plan.BatchMode,
		},
		KexAlgorithms:       plan.KexAlgorithms,
		Ciphers:             plan.Ciphers,
		MACs:                plan.MACs,
		ServerAliveInterval: plan.ServerAliveInterval,
		ServerAliveCountMax: plan.ServerAliveCountMax,
		Version:             local.Version,
		Banner:              out.banner,
		Log:                 out.log,
	}
	if plan.ConnectTimeout > 0 {
		cfg.KexTimeout = max(time.Millisecond, plan.ConnectTimeout-time.Since(dialed))
	}
	if plan.PubkeyAuthentication {
		for _, path := range plan.IdentityFiles {
			cfg.Auth.Identities = append(cfg.Auth.Identities, sshclient.Identity{Path: path, Explicit: plan.IdentitiesExplicit})
		}
	} else {
		cfg.Auth.AgentPath = ""
	}
	return cfg
}

func askPassphrase(ctx context.Context, prompt string) (string, error) {
	return askTerminal(ctx, prompt, false)
}

// runCommand starts the plan's command, shell or subsystem, and sees it through.
func runCommand(ctx context.Context, plan config.Plan, client *sshclient.Client, out *output, local Local) (int, error) {
	terminal := tty.New(local.Stdin, local.Stdout)
	command := sshclient.Command{Exec: plan.Command, Env: plan.Environment(local.Environ)}
	if plan.SessionType == "subsystem" {
		command.Exec, command.Subsystem = "", plan.Command
	}
	want, refused := plan.WantTTY(tty.IsTerminal(local.Stdin))
	if refused {
		out.info("Pseudo-terminal will not be allocated because stdin is not a terminal.")
	}
	if want {
		command.PTY = describe(terminal, local.Environ)
	}
	s, err := client.Start(ctx, command)
	if err != nil {
		return 0, ended(ctx, plan, err)
	}
	defer s.Close()
	result, err := move(s, terminal, plan, out, local)
	if err != nil {
		return 0, err
	}
	if result.Lost != nil && !errors.Is(result.Lost, sshclient.ErrNoStatus) {
		return 0, ended(ctx, plan, lossOf(client, result))
	}
	if s.HasPTY() {
		out.info(fmt.Sprintf("Connection to %s closed.", plan.Host))
	}
	return result.ExitCode(), nil
}

// move carries the bytes, with the terminal raw if the far side has one.
func move(s *sshclient.Session, terminal *tty.Terminal, plan config.Plan, out *output, local Local) (sshclient.Result, error) {
	streams := sshclient.Streams{Stdout: local.Stdout, Stderr: local.RemoteStderr}
	if !plan.StdinNull {
		stdin, err := tty.NewReader(local.Stdin)
		if err != nil {
			return sshclient.Result{}, err
		}
		defer stdin.Close()
		streams.Stdin = stdin
	}
	if s.HasPTY() && tty.IsTerminal(local.Stdin) {
		leave, err := enterRaw(terminal, s, out)
		if err != nil {
			return sshclient.Result{}, err
		}
		defer leave()
	}
	return s.Run(streams), nil
}

// lossOf prefers what the connection died of to what a session noticed of it.
func lossOf(client *sshclient.Client, result sshclient.Result) error {
	if err := client.Err(); err != nil {
		return err
	}
	return result.Lost
}

// ended makes the error of a connection that ended early; an end that was asked for has the context's cause.
func ended(ctx context.Context, plan config.Plan, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &sshclient.LostError{Host: plan.Host, Err: err}
}
