package session

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/tty"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/control"
)

// passengers has the sessions of those who pass their files to a master. Their terminals
// they make raw themselves.
type passengers struct{ master *run }

// Session runs one, and gives its exit code.
func (m passengers) Session(ctx context.Context, p *control.Passenger) (int, error) {
	terminal := tty.New(p.Stdin, p.Stdout)
	command := p.Command
	if p.WantTTY {
		command.PTY = describe(terminal, []string{"TERM=" + p.Term})
	}
	if p.WantX11 && m.master.plan.Forwarding.X11 {
		command.X11 = m.master.x11(ctx) // the master's display, as with ssh
	}
	s, err := m.master.client.Start(ctx, command)
	if refused, ok := errors.AsType[*sshclient.RequestError](err); ok {
		p.Opened(command.PTY != nil)
		io.WriteString(p.Stderr, refused.Error()+" on channel 0\r\n")
		return 255, nil
	}
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := p.Opened(s.HasPTY()); err != nil {
		return 0, err
	}
	hungUp := context.AfterFunc(ctx, func() { s.Close() })
	defer hungUp()
	return m.move(ctx, p, s, terminal)
}

// move carries a passenger's bytes.
func (m passengers) move(ctx context.Context, p *control.Passenger, s *sshclient.Session, terminal *tty.Terminal) (int, error) {
	stdin, err := tty.NewReader(p.Stdin)
	if err != nil {
		return 0, err
	}
	defer stdin.Close()
	streams := sshclient.Streams{Stdin: stdin, Stdout: whilePresent{ctx, p.Stdout}, Stderr: whilePresent{ctx, p.Stderr}}
	if s.HasPTY() && tty.IsTerminal(p.Stdin) {
		sizes := terminal.WatchSize()
		defer sizes.Close()
		followed := make(chan struct{})
		go follow(s, sizes.C, followed)
		defer close(followed)
	}
	if s.HasPTY() && p.Escape >= 0 {
		k := &controls{run: m.runOf(p), work: &m.master.work, session: s, passenger: true}
		k.keyboard = newKeyboard(stdin, byte(p.Escape), k.obey)
		defer k.keyboard.close()
		streams.Stdin = k.keyboard
	}
	result := s.Run(streams)
	if result.Lost != nil && !errors.Is(result.Lost, sshclient.ErrNoStatus) && !errors.Is(result.Lost, sshclient.ErrClosed) {
		return 0, result.Lost // the connection has ended
	}
	return result.ExitCode(), nil
}

// runOf is what controls look at: the master's connection, and the passenger's screen.
func (m passengers) runOf(p *control.Passenger) *run {
	plan := m.master.plan
	plan.EscapeChar = p.Escape
	return &run{
		plan: plan, client: m.master.client, conn: m.master.conn, out: m.master.out,
		local:  Local{Stdin: p.Stdin, Stdout: p.Stdout, RemoteStderr: p.Stderr},
		dialed: m.master.dialed, greeted: m.master.greeted, authenticated: m.master.authenticated,
	}
}

// follow tells the server of each new size.
func follow(s *sshclient.Session, sizes <-chan tty.Size, done <-chan struct{}) {
	for {
		select {
		case size := <-sizes:
			s.Resize(sshclient.Size(size))
		case <-done:
			return
		}
	}
}

// Forward connects a passenger's standard input and output to an endpoint.
func (m passengers) Forward(ctx context.Context, p *control.Passenger) error {
	conn, err := m.master.client.Dial(ctx, p.Endpoint, sshclient.Endpoint{})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := p.Opened(false); err != nil {
		return err
	}
	stdin, err := tty.NewReader(p.Stdin)
	if err != nil {
		return err
	}
	defer stdin.Close()
	f := &stdioForward{conn: conn, stdin: stdin, sent: make(chan struct{})}
	hungUp := context.AfterFunc(ctx, f.end)
	defer hungUp()
	go f.send()
	io.Copy(whilePresent{ctx, p.Stdout}, conn)
	<-f.sent
	return nil
}

// stdioForward is a passenger's connection to an endpoint. Each direction ends by itself.
type stdioForward struct {
	conn  *sshclient.Conn
	stdin *tty.Reader
	sent  chan struct{} // closed by send
}

func (f *stdioForward) send() {
	defer close(f.sent)
	io.Copy(f.conn, f.stdin)
	f.conn.CloseWrite()
}

func (f *stdioForward) end() {
	f.stdin.Interrupt()
	f.conn.Close()
}

// whilePresent is a file to write to for as long as its owner waits for us.
type whilePresent struct {
	ctx context.Context
	f   *os.File
}

func (w whilePresent) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.f.Write(p)
}
