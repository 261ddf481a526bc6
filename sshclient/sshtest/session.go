package sshtest

import (
	"errors"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Session is a session as a [Server.Handler] sees it.
type Session struct {
	User      string
	Command   string   // of an exec request; empty for a shell
	Subsystem string   // of a subsystem request
	Env       []string // NAME=value, as the client sent it
	PTY       *PTY     // nil without a terminal
	X11Cookie string   // in hex, as in the client's request to forward X11; empty without

	Stdin          io.Reader // ends when the client sends EOF
	Stdout, Stderr io.Writer // Stdout fails once the client has said that it reads no more

	Resized <-chan Size     // new sizes of the terminal; only the latest is kept
	Signals <-chan string   // names without SIG; those that nobody takes are dropped
	Done    <-chan struct{} // closed when the client has closed the session

	Conn ssh.Conn // for what a server may ask of its client

	server  *Server
	channel ssh.Channel
	resized chan Size
	signals chan string
	done    chan struct{}
	deaf    chan struct{}  // closed by serve when the client has sent eow@openssh.com
	work    sync.WaitGroup // run, and the pumps of runLocal; joined by serve
}

// PTY is the terminal that a client asked for (RFC 4254 section 6.2).
type PTY struct {
	Term  string
	Size  Size
	Modes []byte // encoded terminal modes
}

// Size is a terminal's, in characters and in pixels.
type Size struct {
	Columns, Rows, Width, Height uint32
}

// Exit is how a command ended: by a signal if that is set, else with a status.
type Exit struct {
	Status int
	Signal string // name without SIG

	// Silent leaves the client without a word about the end.
	Silent bool
}

func newSession(server *Server, conn ssh.Conn, channel ssh.Channel) *Session {
	s := &Session{
		User: conn.User(), Conn: conn, server: server, channel: channel,
		resized: make(chan Size, 1), signals: make(chan string, 8), done: make(chan struct{}),
		deaf: make(chan struct{}),
	}
	s.Stdin, s.Stdout, s.Stderr = channel, stdout{s}, channel.Stderr()
	s.Resized, s.Signals, s.Done = s.resized, s.signals, s.done
	return s
}

// stdout is the command's output, until the client reads no more.
type stdout struct{ s *Session }

var errNoReader = errors.New("client reads no more")

func (o stdout) Write(p []byte) (int, error) {
	select {
	case <-o.s.deaf:
		return 0, errNoReader
	default:
		return o.s.channel.Write(p)
	}
}

// serve handles the requests of the session until the client has closed it.
func (s *Session) serve(reqs <-chan *ssh.Request, sessions *sync.WaitGroup) {
	defer sessions.Done()
	running := false
	for req := range reqs {
		switch req.Type {
		case "shell", "exec", "subsystem":
			start := !running && s.accept(req)
			req.Reply(start, nil) // before the command's first output
			if start {
				running = true
				s.work.Add(1)
				go s.run()
			}
		case "env", "pty-req", "x11-req":
			req.Reply(!running && s.prepare(req), nil)
		default:
			req.Reply(s.note(req), nil)
		}
	}
	close(s.done)
	s.channel.Close()
	s.work.Wait()
}

// accept reads the request that starts the session.
func (s *Session) accept(req *ssh.Request) bool {
	if s.server.RefuseExec {
		return false
	}
	if req.Type == "shell" {
		return true
	}
	var msg struct{ Text string }
	if ssh.Unmarshal(req.Payload, &msg) != nil {
		return false
	}
	if req.Type == "exec" {
		s.Command = msg.Text
		return true
	}
	s.Subsystem = msg.Text
	return s.server.Handler != nil // no subsystems of our own
}

// prepare handles a request that says in what surroundings the command is to run.
func (s *Session) prepare(req *ssh.Request) bool {
	switch req.Type {
	case "env":
		var msg struct{ Name, Value string }
		if ssh.Unmarshal(req.Payload, &msg) != nil {
			return false
		}
		s.Env = append(s.Env, msg.Name+"="+msg.Value)
		return true
	case "pty-req":
		var msg struct {
			Term                         string
			Columns, Rows, Width, Height uint32
			Modes                        []byte
		}
		if !havePTY || s.server.RefusePTY || ssh.Unmarshal(req.Payload, &msg) != nil {
			return false
		}
		s.PTY = &PTY{Term: msg.Term, Size: Size{msg.Columns, msg.Rows, msg.Width, msg.Height}, Modes: msg.Modes}
		return true
	case "x11-req":
		var msg struct {
			Single           bool
			Protocol, Cookie string
			Screen           uint32
		}
		if ssh.Unmarshal(req.Payload, &msg) != nil {
			return false
		}
		s.X11Cookie = msg.Cookie
		return true
	}
	return false
}

// note handles a request beside the command.
func (s *Session) note(req *ssh.Request) bool {
	switch req.Type {
	case "window-change":
		var size Size
		if ssh.Unmarshal(req.Payload, &size) != nil {
			return false
		}
		select {
		case <-s.resized: // superseded
		default:
		}
		s.resized <- size
		return true
	case "signal":
		var msg struct{ Name string }
		if ssh.Unmarshal(req.Payload, &msg) != nil {
			return false
		}
		select {
		case s.signals <- msg.Name:
		default:
		}
		return true
	case "eow@openssh.com":
		select {
		case <-s.deaf:
		default:
			close(s.deaf)
		}
		return true
	}
	return false
}

// run serves the session, says how it ended, and closes it.
func (s *Session) run() {
	defer s.work.Done()
	handler := s.server.Handler
	if handler == nil {
		handler = (*Session).runLocal
	}
	exit := handler(s)
	switch {
	case exit.Silent:
	case exit.Signal != "":
		s.channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal            string
			Core              bool
			Message, Language string
		}{Signal: exit.Signal}))
	default:
		s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(exit.Status)}))
	}
	s.channel.Close()
}

// EndOfWrite tells the client that nobody reads its input any more
// (eow@openssh.com), as sshd does when a command has closed its standard input.
func (s *Session) EndOfWrite() { s.channel.SendRequest("eow@openssh.com", false, nil) }
