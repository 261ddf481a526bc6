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
	mu    sync.Mutex // guards the fields below, and keeps lines whole
	w     io.Writer
	raw   bool
	level config.LogLevel
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

func (o *output) error(text string) { o.showAt(config.LogError, text) }

func (o *output) info(text string) { o.showAt(config.LogInfo, text) }

func (o *output) verbose(text string) { o.showAt(config.LogVerbose, text) }

func (o *output) showAt(level config.LogLevel, text string) {
	if o.at(level) {
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
		o.showAt(config.LogDebug1, "debug1: "+line)
	default:
		o.showAt(config.LogDebug2, "debug2: "+line)
	}
}

// at says whether messages of a level are shown.
func (o *output) at(level config.LogLevel) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.level >= level
}

// mute ends all messages.
func (o *output) mute() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w = io.Discard
}

// adjust makes the messages more or fewer, and returns the new level.
func (o *output) adjust(louder bool) config.LogLevel {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case louder && o.level < config.LogDebug3:
		o.level++
	case !louder && o.level > config.LogQuiet:
		o.level--
	}
	return o.level
}
