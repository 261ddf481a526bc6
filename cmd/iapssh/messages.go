package main

import (
	"io"
	"os"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

// openMessages gives what messages are written to: stderr, the file of -E, to which they are appended, or -y's syslog.
func openMessages(plan config.Plan) (io.WriteCloser, error) {
	switch {
	case plan.Syslog != "":
		return openSyslog(plan.Syslog), nil
	case plan.LogFile != "":
		return os.OpenFile(plan.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	}
	return os.Stderr, nil
}

// nowhere drops what is written to it.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }
