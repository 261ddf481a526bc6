package session

import (
	"io"
	"strings"
	"sync"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
)

// output shows messages to the user. While the terminal is raw, a line feed alone would not return to the left.
type output struct {
	w     io.Writer
	level config.LogLevel

	mu  sync.Mutex // guards raw, and keeps lines whole
	raw bool
}

func (o *output) setRaw(raw bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.raw = raw
}

// show writes text as one or more lines.
func (o *output) show(text string) {
	text = strings.TrimSuffix(text, "\n") + "\n"
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.raw {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	io.WriteString(o.w, text)
}

func (o *output) error(text string) {
	if o.level >= config.LogError {
		o.show(text)
	}
}

func (o *output) info(text string) {
	if o.level >= config.LogInfo {
		o.show(text)
	}
}

func (o *output) verbose(text string) {
	if o.level >= config.LogVerbose {
		o.show(text)
	}
}

// banner shows what the server says before authentication, as ssh does at LogLevel INFO and above.
func (o *output) banner(text string) { o.info(text) }

// log shows a line of sshclient's at the level at which ssh would.
func (o *output) log(level sshclient.Level, line string) {
	switch level {
	case sshclient.Error:
		o.error(line)
	case sshclient.Info:
		o.info(line)
	case sshclient.Verbose:
		o.verbose(line)
	case sshclient.Debug1:
		if o.level >= config.LogDebug1 {
			o.show("debug1: " + line)
		}
	default:
		if o.level >= config.LogDebug2 {
			o.show("debug2: " + line)
		}
	}
}
