package session

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
)

// Messages is where messages to the user go: stderr, or a file. They may come from all hosts of the way and from below them,
// at any time: while the terminal is raw, when a line feed alone would not return to the left, Messages adds what does.
type Messages struct {
	mu  sync.Mutex // guards the fields below, and keeps each Write whole
	to  io.Writer
	raw bool
	off bool
}

// NewMessages leads messages to a writer, which each Write of theirs reaches at once.
func NewMessages(to io.Writer) *Messages { return &Messages{to: to} }

// Write writes one or more whole lines.
func (m *Messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := p
	switch {
	case m.off:
		return len(p), nil
	case m.raw:
		text = bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	}
	if _, err := m.to.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (m *Messages) setRaw(raw bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.raw = raw
}

// mute ends all messages.
func (m *Messages) mute() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off = true
}

// To is what they are led to.
func (m *Messages) To() io.Writer { return m.to }

// File is the file that messages go to; nil if it is none.
func (m *Messages) File() *os.File {
	f, _ := m.to.(*os.File)
	return f
}

// output shows messages about one host, as far as its level has them.
type output struct {
	to *Messages

	mu    sync.Mutex
	level config.LogLevel // guarded by mu
}

// show writes text as one or more lines.
func (o *output) show(text string) {
	io.WriteString(o.to, strings.TrimSuffix(text, "\n")+"\n")
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
