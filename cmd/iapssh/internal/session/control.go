package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/control"
)

// Control is -O: it asks a master for something, and tells the answer in ssh's words. Errors are a *control.MasterError,
// a *control.RefusedError, or what went wrong on the way.
func Control(ctx context.Context, plan config.Plan, local Local) error {
	master, err := control.Dial(ctx, plan.Sharing.Path)
	if err != nil {
		return err
	}
	defer master.Close()
	stop := context.AfterFunc(ctx, func() { master.Close() })
	defer stop()
	q := &question{plan: plan, local: local, master: master, out: &output{to: local.Messages, level: plan.LogLevel}}
	return q.ask(plan.Sharing.Command)
}

// question is one for a master.
type question struct {
	plan   config.Plan
	local  Local
	master *control.Master
	out    *output
}

func (q *question) ask(command string) error {
	switch command {
	case "check":
		q.out.show(fmt.Sprintf("Master running (pid=%d)\r", q.master.PID))
		return nil
	case "exit":
		return q.tell("Exit request sent.", q.master.Exit())
	case "stop":
		return q.tell("Stop listening request sent.", q.master.StopListening())
	case "conninfo":
		return q.print(q.master.ConnectionInfo())
	case "channels":
		return q.print(q.master.ChannelInfo())
	case "forward":
		return q.forward()
	case "cancel":
		return q.cancel()
	}
	return fmt.Errorf("-O %s is no question", command)
}

// tell says that a request was sent, if it was.
func (q *question) tell(text string, err error) error {
	if err == nil && q.plan.LogLevel > config.LogQuiet {
		q.out.show(text + "\r") // as ssh, raw terminal or not
	}
	return err
}

// print shows what a master says of itself, line by line.
func (q *question) print(text string, err error) error {
	for line := range strings.Lines(text) {
		fmt.Fprintf(q.local.Stdout, "%s\r\n", strings.Map(printable, strings.TrimRight(line, "\r\n")))
	}
	return err
}

// printable keeps what controls a terminal from it.
func printable(r rune) rune {
	if r < ' ' || 0x7f <= r && r < 0xa0 {
		return '?'
	}
	return r
}

var (
	errForwards = errors.New("master forward request failed")
	errCancel   = errors.New("master cancel forward request failed")
)

// forward asks for each of the plan's forwards, and prints the port that the server was left to choose.
func (q *question) forward() error {
	return eachForward(q.plan, q.out, errForwards, func(f sshclient.Forward) error {
		bound, err := q.master.OpenForward(f)
		if err == nil && bound != f.Listen {
			fmt.Fprintln(q.local.Stdout, bound.Port)
		}
		return err
	})
}

func (q *question) cancel() error {
	return eachForward(q.plan, q.out, errCancel, q.master.CloseForward)
}

// askForForwards has a master open the plan's forwards. They stay when we go, as with ssh.
func askForForwards(plan config.Plan, master *control.Master, out *output) error {
	return eachForward(plan, out, errForwards, func(f sshclient.Forward) error {
		bound, err := master.OpenForward(f)
		if err == nil && bound != f.Listen {
			out.verbose(fmt.Sprintf("Allocated port %d for remote forward to %s", bound.Port, f.Connect))
		}
		return err
	})
}

// eachForward does something with each forward, whatever becomes of the others, and tells of what a master refuses. Then
// failed is returned.
func eachForward(plan config.Plan, out *output, failed error, do func(sshclient.Forward) error) error {
	var result error
	for _, f := range plan.Forwarding.Forwards {
		err := do(forwardOf(f))
		if err == nil {
			continue
		}
		refused, ok := errors.AsType[*control.RefusedError](err)
		switch {
		case !ok:
			return err
		case refused.Denied:
			out.error("Master refused forwarding request: " + strings.Map(printable, refused.Reason))
		default:
			out.error("forwarding request failed: " + strings.Map(printable, refused.Reason))
		}
		result = failed
	}
	return result
}
