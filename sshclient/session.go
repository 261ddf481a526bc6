package sshclient

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// outputGrace is how long a remote command whose output nobody reads may take
// to end by itself, and so tell its status, before its session is closed.
const outputGrace = time.Second

// Session is a command or shell on the server. Its requests are served from
// Start on by serveRequests, which ends with the session.
type Session struct {
	client  *Client
	channel ssh.Channel
	hasPTY  bool // set by Start

	inputOver chan struct{} // closed by serveRequests when the command reads no more
	ended     chan struct{} // closed by serveRequests when the server has closed the session
	end       ending        // written by serveRequests, read after ended

	mu     sync.Mutex
	closed bool // guarded by mu; Close was called
}

// Start opens a session and starts cmd in it; ctx bounds that. It returns once
// the server has accepted the command. The error is a *[RequestError], an
// *[OpenError], the context's, or why the connection ended.
//
// Nothing is read from or written to the local side before [Session.Run]: the
// caller may still change the terminal.
func (c *Client) Start(ctx context.Context, cmd Command) (*Session, error) {
	st := &starting{client: c, cmd: cmd, result: make(chan started)}
	if !c.begin() {
		return nil, ErrClosed
	}
	go st.run(ctx.Done())
	select {
	case r := <-st.result:
		return r.session, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// starting is a Start in progress. x/crypto cannot give up waiting for a reply,
// so a Start whose context has ended leaves it behind to close what it opens.
type starting struct {
	client *Client
	cmd    Command
	result chan started
}

type started struct {
	session *Session
	err     error
}

func (st *starting) run(canceled <-chan struct{}) {
	defer st.client.work.Done()
	session, err := st.client.open(st.cmd)
	select {
	case st.result <- started{session, err}:
	case <-canceled:
		if session != nil {
			session.Close()
		}
	}
}

// open opens a session and sends its requests.
func (c *Client) open(cmd Command) (*Session, error) {
	channel, reqs, err := c.conn.OpenChannel("session", nil)
	if err != nil {
		return nil, c.explain(err)
	}
	s := &Session{client: c, channel: channel, inputOver: make(chan struct{}), ended: make(chan struct{})}
	c.work.Add(1) // within the one of starting.run
	go s.serveRequests(reqs)
	if err := s.request(cmd); err != nil {
		s.channel.Close()
		return nil, c.explain(err)
	}
	return s, nil
}

// explain leaves a refusal as it is, and replaces an error that only says that the
// session or connection is gone by the reason for that.
func (c *Client) explain(err error) error {
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		return notOpened(Endpoint{}, refused)
	}
	if _, refused := errors.AsType[*RequestError](err); refused {
		return err
	}
	return c.whyLost()
}

// request sends what starts the command. The environment is not waited for, and
// as x/crypto allows one unanswered request per channel, the terminal is: a refused
// terminal must be known before local keys are sent raw.
func (s *Session) request(cmd Command) error {
	if cmd.X11 != nil {
		if _, err := s.client.RequestX11(s.channel, *cmd.X11); err != nil {
			return err
		}
	}
	for _, pair := range cmd.Env {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		payload := ssh.Marshal(struct{ Name, Value string }{name, value})
		if _, err := s.channel.SendRequest("env", false, payload); err != nil {
			return err
		}
	}
	if s.client.agentPath != "" && !cmd.NoAgent {
		s.client.log(Debug1, "Requesting authentication agent forwarding.")
		if _, err := s.channel.SendRequest(agentRequest, false, nil); err != nil {
			return err
		}
	}
	if cmd.PTY != nil {
		ok, err := s.channel.SendRequest("pty-req", true, cmd.PTY.payload())
		if err != nil {
			return err
		}
		if s.hasPTY = ok; !ok {
			s.client.log(Info, "PTY allocation request failed on channel 0")
		}
	}
	if cmd.After != nil {
		select {
		case <-cmd.After:
		case <-s.client.done:
		}
	}
	name, payload := cmd.request()
	ok, err := s.channel.SendRequest(name, true, payload)
	if err == nil && !ok {
		err = &RequestError{Request: name}
	}
	return err
}

// HasPTY says whether the server gave the terminal that Command.PTY asked for.
// Only then may the local terminal go raw.
func (s *Session) HasPTY() bool { return s.hasPTY }

// serveRequests handles what the server asks and tells during the session.
func (s *Session) serveRequests(reqs <-chan *ssh.Request) {
	defer s.client.work.Done()
	defer close(s.ended)
	inputOver := false
	for req := range reqs {
		s.client.log(Debug1, "client_input_channel_req: channel 0 rtype %s reply %t", req.Type, req.WantReply)
		known := s.end.note(req)
		if req.Type == endOfWrite && !inputOver {
			inputOver, known = true, true
			close(s.inputOver)
		}
		req.Reply(known, nil)
	}
	if !inputOver {
		close(s.inputOver)
	}
}

// endOfWrite is how either side says that it reads no more (OpenSSH's PROTOCOL,
// section 2.1).
const endOfWrite = "eow@openssh.com"

// Streams are the local ends of a session. Nil Stdin is at its end; what is
// written to a nil Writer is dropped.
type Streams struct {
	// Stdin is read until the session has ended and not longer. To end a Read in
	// progress its Interrupt method is called, see [Interrupter]; a Stdin without
	// one keeps Run waiting until its Read returns.
	Stdin io.Reader

	Stdout, Stderr io.Writer
}

// Interrupter may be implemented by Streams.Stdin. Interrupt makes a Read in
// progress, and those that follow, return without taking input.
type Interrupter interface {
	Interrupt()
}

// Run moves bytes between the command and the local streams until the server has
// closed the session or the connection has ended. When it returns, every byte
// that the command wrote has been written, and no stream is in use any more. Run is
// called once.
func (s *Session) Run(streams Streams) Result {
	var result Result
	var output sync.WaitGroup
	input := make(chan struct{})
	output.Add(2)
	go s.pumpStdout(streams.Stdout, &output, &result.Output)
	go s.pumpStderr(streams.Stderr, &output)
	go s.pumpStdin(streams.Stdin, input)

	<-s.inputOver
	if in, ok := streams.Stdin.(Interrupter); ok {
		in.Interrupt()
	}
	output.Wait()
	<-s.ended
	<-input
	s.conclude(&result)
	return result
}

// conclude fills in how the session ended.
func (s *Session) conclude(result *Result) {
	result.Status = -1
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	switch {
	case s.end.told:
		result.Status, result.Signal, result.Message = s.end.status, s.end.signal, s.end.message
		s.client.log(Debug1, "Exit status %d", result.Status)
	case closed:
		result.Lost = ErrClosed
	default:
		result.Lost = s.client.whyLost()
	}
}

// Close ends the session from our side. Run returns when the server has confirmed
// it; a server that does not is ended by the client's Close.
func (s *Session) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	if err := s.channel.Close(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
