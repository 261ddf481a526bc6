package control

import (
	"context"
	"os"
	"time"

	"github.com/iapssh/iapssh/sshclient"
)

// Passengers does what passengers ask for, in their place: it reads and writes their
// files. These are shared with their owners and must not be changed, not to O_NONBLOCK
// either. Each call is made in a goroutine of its own; its context ends when the
// passenger hangs up or the server does. Opened is called once, when the server has given
// what was asked for; an error without that is the refusal that the passenger is told of.
type Passengers interface {
	// Session runs a session, and returns its exit code.
	Session(ctx context.Context, p *Passenger) (status int, err error)

	// Forward connects standard input and output to an endpoint, until that is over.
	Forward(ctx context.Context, p *Passenger) error
}

// Passenger is a client that has passed its files.
type Passenger struct {
	Stdin, Stdout, Stderr *os.File // of a Forward no Stderr

	// Of a Session: what to run, without PTY; WantTTY asks for one, of type Term. Escape
	// is the escape character of a session with one, -1 for none.
	Command sshclient.Command
	WantTTY bool
	WantX11 bool
	Term    string
	Escape  int

	// Endpoint is a Forward's.
	Endpoint sshclient.Endpoint

	serving *serving
	id      uint32 // of the request
	session uint32
	opened  bool
}

// Opened tells the passenger that it has what it asked for. hasPTY says whether the
// server has given the terminal that a Session wanted; the passenger then makes its own raw.
func (p *Passenger) Opened(hasPTY bool) error {
	p.opened = true
	opened := []message{newMessage(sSessionOpened, number{p.id}, number{p.session})}
	if p.WantTTY && !hasPTY {
		opened = append(opened, newMessage(sNoTerminal, sessionNoTerminal{p.session}))
	}
	return p.serving.conn.write(opened...)
}

// maxVariables bounds the environment of a session, as in OpenSSH.
const maxVariables = 4096

// newSession takes a passenger in.
func (v *serving) newSession(ctx context.Context, id uint32, request message) error {
	var n newSession
	if err := request.parse(&n); err != nil {
		return err
	}
	env, err := cutStrings(n.Environment, maxVariables)
	if err != nil {
		return err
	}
	p := &Passenger{
		Command: sshclient.Command{Exec: n.Command, Env: env, NoAgent: n.WantAgent == 0},
		WantTTY: n.WantTTY != 0, WantX11: n.WantX11 != 0, Term: n.Term, Escape: -1,
	}
	if n.Subsystem != 0 {
		p.Command.Exec, p.Command.Subsystem = "", n.Command
	}
	if n.Escape <= 0xff {
		p.Escape = int(n.Escape)
	}
	return v.takeIn(ctx, id, p, []**os.File{&p.Stdin, &p.Stdout, &p.Stderr}, "Allow shared connection to %s? ", v.server.cfg.Host)
}

// stdioForward takes in a passenger that wants no more than to be connected.
func (v *serving) stdioForward(ctx context.Context, id uint32, request message) error {
	var n stdioForward
	if err := request.parse(&n); err != nil {
		return err
	}
	p := &Passenger{Endpoint: endpoint(n.Host, n.Port)}
	if n.Port == unixSocket {
		return v.takeIn(ctx, id, p, []**os.File{&p.Stdin, &p.Stdout}, "Allow forward to path %s", n.Host)
	}
	return v.takeIn(ctx, id, p, []**os.File{&p.Stdin, &p.Stdout}, "Allow forward to [%s]:%d? ", n.Host, n.Port)
}

// endpoint reads one as it goes over the socket.
func endpoint(host string, port uint32) sshclient.Endpoint {
	if port == unixSocket {
		return sshclient.Endpoint{Path: host}
	}
	return sshclient.Endpoint{Host: host, Port: int(port)}
}

// takeIn receives a passenger's files and starts what it asks for.
func (v *serving) takeIn(ctx context.Context, id uint32, p *Passenger, files []**os.File, question string, args ...any) error {
	p.serving, p.id = v, id
	if !canPassFiles || v.server.cfg.Passengers == nil {
		v.fail(id, "files cannot be passed here, only proxied clients are served")
		return errOver // its files are still to come
	}
	if err := p.receive(files); err != nil {
		p.close()
		v.fail(id, "did not receive file descriptors")
		return err
	}
	switch {
	case v.taken:
		p.close()
		return v.fail(id, "Multiple sessions not supported")
	case !v.server.confirm(ctx, question, args...):
		p.close()
		return v.deny(id)
	}
	v.taken = true
	v.work.Add(1)
	go p.run(ctx)
	return nil
}

func (p *Passenger) receive(files []**os.File) error {
	socket := p.serving.socket
	socket.SetReadDeadline(time.Now().Add(helloPatience))
	defer socket.SetReadDeadline(time.Time{})
	for i, name := range []string{"stdin", "stdout", "stderr"}[:len(files)] {
		f, err := receiveFile(socket, name)
		if err != nil {
			return err
		}
		*files[i] = f
	}
	return nil
}

func (p *Passenger) close() {
	for _, f := range []*os.File{p.Stdin, p.Stdout, p.Stderr} {
		if f != nil {
			f.Close()
		}
	}
}

// run does what the passenger asks for and tells it how that ended. Hanging up is the end.
func (p *Passenger) run(ctx context.Context) {
	defer p.serving.work.Done()
	defer p.close()
	server := p.serving.server
	name := nameOf("session")
	if p.Endpoint != (sshclient.Endpoint{}) {
		name = "direct " + p.Endpoint.String()
	}
	number := server.number(name)
	defer server.forget(number)
	p.session = uint32(number)
	status, err := 0, error(nil)
	if p.Endpoint != (sshclient.Endpoint{}) {
		err = server.cfg.Passengers.Forward(ctx, p)
	} else {
		status, err = server.cfg.Passengers.Session(ctx, p)
	}
	switch {
	case !p.opened:
		server.log(sshclient.Debug1, "multiplexing client: %v", err)
		p.serving.fail(p.id, ErrOpenRefused.Reason)
	case p.Endpoint == sshclient.Endpoint{} && err == nil:
		p.serving.conn.write(newMessage(sExit, sessionExit{p.session, uint32(status)}))
	}
	p.serving.hangUp()
}
