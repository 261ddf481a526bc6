package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/sshclient/control"
)

// session is the session that the plan asks for, on the connection that a master shares if there is one, or on one of its own.
func (r *relay) session(ctx context.Context, local session.Local) (int, error) {
	switch plan := r.plan; {
	case plan.Sharing.Command != "" && plan.Sharing.Command != "proxy":
		return 0, command(ctx, plan, local.Stderr)
	case plan.Sharing.Path != "":
		code, err := shared(ctx, plan, local)
		text, instead := fallBack(plan, err)
		if !instead {
			return code, err
		}
		if text != "" && plan.LogLevel >= config.LogError {
			fmt.Fprintln(local.Stderr, text)
		}
	}
	conn, err := r.reach(ctx)
	if err != nil {
		return 0, err
	}
	return session.Run(ctx, r.plan, conn, r.begin, local)
}

// shared is a session on the connection of a live master. That there is none to be had is a *control.MasterError or a
// *session.NotSharedError.
func shared(ctx context.Context, plan config.Plan, local session.Local) (int, error) {
	master, err := control.Dial(ctx, plan.Sharing.Path)
	if err != nil {
		return 0, err
	}
	return session.Join(ctx, plan, master, local)
}

// fallBack says whether a connection of one's own takes the place of a master's, and what to tell of that.
func fallBack(plan config.Plan, err error) (text string, instead bool) {
	var none *control.MasterError
	var refused *session.NotSharedError
	switch {
	case plan.Sharing.Command != "":
		return "", false
	case errors.As(err, &refused):
		return report.Clean(refused.Error()), true
	case !errors.As(err, &none):
		return "", false
	case errors.Is(err, control.ErrNone):
		return "", true
	}
	return report.Of(err, report.Facts{}).Cause, true
}

// command is -O: it asks a master for something, and tells the answer in ssh's words.
func command(ctx context.Context, plan config.Plan, messages io.Writer) error {
	master, err := control.Dial(ctx, plan.Sharing.Path)
	if err != nil {
		return err
	}
	defer master.Close()
	stop := context.AfterFunc(ctx, func() { master.Close() })
	defer stop()
	say := func(text string) {
		if plan.LogLevel > config.LogQuiet {
			io.WriteString(messages, text+"\r\n")
		}
	}
	var info string
	switch plan.Sharing.Command {
	case "check":
		fmt.Fprintf(messages, "Master running (pid=%d)\r\n", master.PID)
	case "exit":
		if err = master.Exit(); err == nil {
			say("Exit request sent.")
		}
	case "stop":
		if err = master.StopListening(); err == nil {
			say("Stop listening request sent.")
		}
	case "conninfo":
		info, err = master.ConnectionInfo()
	case "channels":
		info, err = master.ChannelInfo()
	}
	for line := range strings.Lines(info) {
		fmt.Fprintf(os.Stdout, "%s\r\n", report.Clean(line))
	}
	return err
}
