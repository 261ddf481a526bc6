package sshclient

import (
	"errors"
	"io"

	"golang.org/x/crypto/ssh"
)

// Command says what a session runs. Without Exec and Subsystem it is the user's shell.
type Command struct {
	Exec      string // command line for the user's shell on the server
	Subsystem string // name of a subsystem, such as "sftp"; goes before Exec

	// Env holds NAME=value pairs. Servers ignore those that they do not accept.
	Env []string

	// NoAgent keeps the agent of Config.ForwardAgent from the command.
	NoAgent bool

	// After holds the command back, not what prepares it, until it is closed: until forwards
	// are open that the command will want. Nil holds back nothing.
	After <-chan struct{}

	// X11 asks for the forwarding of a display; nil means none. A server whose verdict is
	// degraded is not asked, nor is one over a joined connection. The first of a connection's sessions to name a display
	// decides for all.
	X11 *X11

	// PTY asks for a terminal; nil means none. A refusal is no error, as in ssh:
	// see [Session.HasPTY].
	PTY *PTY
}

// PTY describes the local terminal (RFC 4254 section 6.2).
type PTY struct {
	Term  string // value of TERM
	Size  Size
	Modes []byte // encoded terminal modes (RFC 4254 section 8); nil means none
}

// Size is a terminal's, in characters and in pixels; pixels are 0 when unknown.
type Size struct {
	Columns, Rows, Width, Height uint32
}

// endOfModes is the encoding of no terminal modes at all (TTY_OP_END).
const endOfModes = "\x00"

func (p *PTY) payload() []byte {
	modes := p.Modes
	if len(modes) == 0 {
		modes = []byte(endOfModes)
	}
	return ssh.Marshal(struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        []byte
	}{p.Term, p.Size.Columns, p.Size.Rows, p.Size.Width, p.Size.Height, modes})
}

// request returns the last request of the session's start: name, payload.
func (c *Command) request() (name string, payload []byte) {
	type text struct{ S string }
	switch {
	case c.Subsystem != "":
		return "subsystem", ssh.Marshal(text{c.Subsystem})
	case c.Exec != "":
		return "exec", ssh.Marshal(text{c.Exec})
	default:
		return "shell", nil
	}
}

// Result is how a session ended.
type Result struct {
	// Status is the command's exit status, 0 to 255 from ordinary servers, and
	// -1 when there is none.
	Status int

	// Signal is the name, without SIG, of the signal that the command died of, and
	// Message the server's text about it. Both are safe for a terminal.
	Signal, Message string

	// Lost says why neither is known: the connection broke (see [Client.Err]),
	// ErrClosed, or ErrNoStatus. It is nil when the server said how the command ended.
	Lost error

	// Output is the first error in writing to Streams.Stdout. The remote command
	// was then told that nobody reads, and given a second to end by itself.
	Output error
}

// ExitCode is what ssh exits with: the status, or 255 when there is none.
func (r Result) ExitCode() int {
	if r.Status < 0 || r.Status > 255 {
		return 255
	}
	return r.Status
}

// ending collects what the server says about the end of a session.
type ending struct {
	told            bool
	status          int
	signal, message string
}

// note reads an exit-status or exit-signal request (RFC 4254 section 6.10).
// Anything else, and what does not parse, is not noted.
func (e *ending) note(req *ssh.Request) bool {
	switch req.Type {
	case "exit-status":
		var msg struct{ Status uint32 }
		if ssh.Unmarshal(req.Payload, &msg) != nil {
			return false
		}
		e.status = int(min(msg.Status, 1<<31-1))
	case "exit-signal":
		var msg struct {
			Signal            string
			Core              bool
			Message, Language string
		}
		if ssh.Unmarshal(req.Payload, &msg) != nil {
			return false
		}
		e.status, e.signal, e.message = -1, visibleLine(msg.Signal, 64), visibleLine(msg.Message, 1024)
	default:
		return false
	}
	e.told = true
	return true
}

// Signal sends a signal to the remote command; name is without SIG, as in "INT".
// OpenSSH servers before 8.1 ignore it.
func (s *Session) Signal(name string) error {
	return s.tell("signal", ssh.Marshal(struct{ Name string }{name}))
}

// Resize tells the server the terminal's new size.
func (s *Session) Resize(size Size) error { return s.tell("window-change", ssh.Marshal(size)) }

// Break sends a break of the given length in milliseconds (RFC 4335).
func (s *Session) Break(length uint32) error {
	return s.tell("break", ssh.Marshal(struct{ Length uint32 }{length}))
}

// tell sends a request that wants no reply. A session that has ended takes none,
// which is no error.
func (s *Session) tell(name string, payload []byte) error {
	_, err := s.channel.SendRequest(name, false, payload)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
