package session

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/sshclient"
)

// runCommand starts the plan's command, shell or subsystem, and sees it through.
func (r *run) runCommand(ctx context.Context) (int, error) {
	terminal := tty.New(r.local.Stdin, r.local.Stdout)
	command := r.command(ctx, terminal)
	s, err := r.start(ctx, command)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	r.step(StepOpened)
	r.logStart(command)
	if err := r.detach(ctx, r.local.Stdout, r.local.RemoteStderr); err != nil {
		return 0, err
	}
	result, err := r.move(s, terminal)
	if err != nil {
		return 0, err
	}
	r.awaitClients(ctx)
	if r.abandoned || r.askedToExit() {
		r.out.info(r.closed())
		return 255, nil
	}
	if result.Lost != nil && !errors.Is(result.Lost, sshclient.ErrNoStatus) {
		return 0, r.ended(ctx, r.lossOf(result))
	}
	if err := r.client.Forwards().Drain(ctx); err != nil {
		return 0, err
	}
	if s.HasPTY() {
		r.out.info(r.closed())
	}
	r.logEnd()
	return result.ExitCode(), nil
}

// start has the server start the command.
func (r *run) start(ctx context.Context, command sshclient.Command) (*sshclient.Session, error) {
	if r.client.Joined() {
		return r.startShared(ctx, command)
	}
	s, err := r.client.Start(ctx, command)
	if err != nil {
		err = r.ended(ctx, err)
	}
	return s, err
}

// closed is the last word of a session with a terminal.
func (r *run) closed() string {
	if r.client.Joined() {
		return fmt.Sprintf("Shared connection to %s closed.", r.plan.Host)
	}
	return fmt.Sprintf("Connection to %s closed.", r.plan.Host)
}

// logStart tells what has been started, as ssh does.
func (r *run) logStart(command sshclient.Command) {
	say := func(format string, args ...any) { r.out.log(sshclient.Debug1, fmt.Sprintf(format, args...)) }
	say("Entering interactive session.")
	for _, pair := range command.Env {
		name, value, _ := strings.Cut(pair, "=")
		say("channel 0: setting env %s = %q", name, value)
	}
	switch {
	case command.Subsystem != "":
		say("Sending subsystem: %s", command.Subsystem)
	case command.Exec != "":
		say("Sending command: %s", command.Exec)
	}
}

// logEnd tells how much has been carried.
func (r *run) logEnd() {
	stats := r.client.Stats()
	seconds := time.Since(stats.Since).Seconds()
	r.out.verbose(fmt.Sprintf("Transferred: sent %d, received %d bytes, in %.1f seconds", stats.Sent, stats.Received, seconds))
	r.out.verbose(fmt.Sprintf("Bytes per second: sent %.1f, received %.1f", float64(stats.Sent)/seconds, float64(stats.Received)/seconds))
}

// command is what the server is asked for.
func (r *run) command(ctx context.Context, terminal *tty.Terminal) sshclient.Command {
	plan := r.plan
	command := sshclient.Command{Exec: plan.Command, Env: plan.Environment(r.local.Environ), After: r.forwarded}
	if plan.SessionType == "subsystem" {
		command.Exec, command.Subsystem = "", plan.Command
	}
	if plan.Forwarding.X11 && !r.client.Verdict().Degraded {
		command.X11 = r.x11(ctx)
	}
	want, refused := plan.WantTTY(tty.IsTerminal(r.local.Stdin))
	if refused {
		r.out.info("Pseudo-terminal will not be allocated because stdin is not a terminal.")
		if tty.IsCygwin(r.local.Stdin) {
			r.out.info("iapssh: this window is Cygwin's or Git Bash's, which shows programs a pipe: run winpty iapssh, or set MSYS=enable_pcon")
		}
	}
	if want {
		command.PTY = describe(terminal, r.local.Environ)
	}
	return command
}

// move carries the bytes, with the terminal raw if the far side has one.
func (r *run) move(s *sshclient.Session, terminal *tty.Terminal) (sshclient.Result, error) {
	streams := sshclient.Streams{Stdout: r.watched(r.local.Stdout), Stderr: r.watched(r.local.RemoteStderr)}
	var c *console
	if s.HasPTY() && tty.IsTerminal(r.local.Stdin) {
		var notice *linkNotice
		if tty.IsTerminal(r.local.Stdout) && !r.plan.BatchMode && r.plan.LogLevel >= config.LogInfo {
			notice = newLinkNotice(r.client, r.local.Stdout)
		}
		var err error
		if c, err = openConsole(terminal, s, r.out, notice); err != nil {
			return sshclient.Result{}, err
		}
		defer c.close()
	}
	if !r.plan.StdinNull {
		stdin, err := tty.NewReader(r.local.Stdin)
		if err != nil {
			return sshclient.Result{}, err
		}
		defer stdin.Close()
		streams.Stdin = stdin
		if s.HasPTY() && r.plan.EscapeChar != config.NoEscape {
			k := &controls{run: r, work: &r.work, session: s, console: c, terminal: terminal}
			k.keyboard = newKeyboard(stdin, byte(r.plan.EscapeChar), k.obey)
			defer k.keyboard.close()
			streams.Stdin = k.keyboard
		}
	}
	return s.Run(streams), nil
}

// lossOf prefers what the connection died of to what a session noticed of it.
func (r *run) lossOf(result sshclient.Result) error {
	if err := r.client.Err(); err != nil {
		return err
	}
	return result.Lost
}

// runLocalCommand runs the plan's LocalCommand.
func (r *run) runLocalCommand(ctx context.Context) {
	if r.plan.LocalCommand != "" {
		r.runHere(ctx, r.plan.LocalCommand)
	}
}

// runHere runs a command here with the user's shell, and waits for it. How it ends does not matter, as in ssh.
func (r *run) runHere(ctx context.Context, command string) {
	shell, flag := variable(r.local.Environ, "SHELL"), "-c"
	switch {
	case runtime.GOOS == "windows":
		shell, flag = "cmd.exe", "/c"
	case shell == "":
		shell = "/bin/sh"
	}
	r.out.log(sshclient.Debug1, fmt.Sprintf("Executing local command: %s", command))
	cmd := exec.CommandContext(ctx, shell, flag, command)
	cmd.Stderr = r.local.RemoteStderr
	if r.plan.StdioForward == (config.Endpoint{}) { // else they are the forwarded connection's
		cmd.Stdin, cmd.Stdout = r.local.Stdin, r.local.Stdout
	}
	cmd.Env = r.local.Environ
	if err := cmd.Run(); err != nil {
		r.out.log(sshclient.Debug1, fmt.Sprintf("local command: %v", err))
	}
}
