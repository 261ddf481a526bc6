package main

import (
	"fmt"
	"io"
	"os"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/jsonlog"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/report"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/session"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
)

// openMessages gives what messages are written to: stderr, the file of -E, to which they are appended, or -y's syslog; through
// what makes JSON of them, if that is wanted. It stays open: a panic is told on stderr too, and nothing is held back that a file's
// end would have to be waited for.
func openMessages(plan config.Plan) (*session.Messages, error) {
	var to io.Writer = os.Stderr
	var err error
	switch {
	case plan.Syslog != "":
		to = openSyslog(plan.Syslog)
	case plan.LogFile != "":
		to, err = os.OpenFile(plan.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	}
	if err == nil && plan.LogFormat == "json" {
		to = jsonlog.New(to)
	}
	return session.NewMessages(to), err
}

// sayTo tells lines that the user should see whatever is on the screen, which may be the session's and know no line ends.
func sayTo(messages *session.Messages) func(line string) {
	format := "iapssh: %s\n"
	if f := messages.File(); f != nil && tty.IsTerminal(f) {
		format = "\r\niapssh: %s\r\n"
	}
	return func(line string) { fmt.Fprintf(messages, format, report.Clean(line)) }
}

// nowhere drops what is written to it.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
