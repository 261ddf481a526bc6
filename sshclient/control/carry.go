package control

import (
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient"
)

// carrying serves one proxied client: each channel that it opens is one of the
// connection's, and each request goes to its other end. Goroutines: serveRequests,
// serveChannels and, for a client that listens, tellLink; for each channel carried.run and those it names. They end with the
// client's connection, but for data that it has left behind.
type carrying struct {
	server *Server
	down   ssh.Conn      // to the client, as if we were one of it
	gone   chan struct{} // closed when the client has hung up
	work   sync.WaitGroup
}

// carry serves a client that has been told that it is proxied, until it hangs up.
func (s *Server) carry(socket net.Conn, tellsLink bool) error {
	down, channels, requests, err := ssh.NewControlClientConn(newProxied(socket))
	if err != nil {
		return err
	}
	c := &carrying{server: s, down: down, gone: make(chan struct{})}
	c.work.Add(2)
	go c.serveRequests(requests)
	go c.serveChannels(channels)
	if tellsLink {
		c.work.Add(1)
		go c.tellLink()
	}
	down.Wait()
	close(c.gone)
	c.work.Wait()
	return nil
}

// linkInterval is between looks at the link.
const linkInterval = 250 * time.Millisecond

// tellLink tells the client when the link below the connection breaks and is there again.
func (c *carrying) tellLink() {
	defer c.work.Done()
	ticker := time.NewTicker(linkInterval)
	defer ticker.Stop()
	told := false
	for {
		since, down := c.server.cfg.Client.LinkDown()
		if down != told {
			told = down
			news := sshclient.LinkNews{Down: down}
			if down {
				news.Milliseconds = uint32(min(time.Since(since).Milliseconds(), math.MaxUint32))
			}
			c.down.SendRequest(sshclient.LinkRequest, false, ssh.Marshal(news))
		}
		select {
		case <-ticker.C:
		case <-c.gone:
			return
		}
	}
}

// keepalive is what OpenSSH asks for a sign of life with, of a connection or of a channel.
const keepalive = "keepalive@openssh.com"

// serveRequests answers the client's global requests. A sign of life is the server's;
// what would take the connection from others is refused.
func (c *carrying) serveRequests(requests <-chan *ssh.Request) {
	defer c.work.Done()
	for r := range requests {
		if r.Type == keepalive {
			if _, err := c.server.cfg.Client.Ping(); err != nil {
				c.down.Close()
			}
		}
		r.Reply(false, nil)
	}
}

// maxChannels bounds what one client may have open.
const maxChannels = 4096

func (c *carrying) serveChannels(channels <-chan ssh.NewChannel) {
	defer c.work.Done()
	slots := make(chan struct{}, maxChannels)
	for open := range channels {
		select {
		case slots <- struct{}{}:
			c.work.Add(1)
			go c.serveChannel(open, slots)
		default:
			open.Reject(ssh.ResourceShortage, "too many channels")
		}
	}
}

// serveChannel opens a channel of the connection for one of the client's, and carries
// what goes over it.
func (c *carrying) serveChannel(open ssh.NewChannel, slots <-chan struct{}) {
	defer c.work.Done()
	defer func() { <-slots }()
	number := c.server.number(nameOf(open.ChannelType()))
	defer c.server.forget(number)
	up, fromUp, err := c.server.cfg.Client.OpenChannel(open.ChannelType(), open.ExtraData())
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		open.Reject(refused.Reason, refused.Message)
		return
	}
	if err != nil {
		c.down.Close() // the connection has ended
		return
	}
	down, fromDown, err := open.Accept()
	if err != nil {
		up.Close()
		go ssh.DiscardRequests(fromUp)
		return
	}
	x := &carried{carrying: c, up: up, down: down, input: make(chan struct{})}
	x.run(fromUp, fromDown)
}

// nameOf is a channel as ssh lists it.
func nameOf(kind string) string {
	if kind == "session" {
		return "client-session"
	}
	return kind
}

// carried is a channel of the client's and the one of the connection that it stands for.
type carried struct {
	*carrying
	up, down ssh.Channel
	input    chan struct{} // closed when all that the client has sent is passed on
	output   sync.WaitGroup
	requests sync.WaitGroup
	asking   sync.Mutex // held while an answer to the client is due
}

// run returns when both channels are closed.
func (x *carried) run(fromUp, fromDown <-chan *ssh.Request) {
	x.output.Add(2)
	go x.copyOutput()
	go x.copyErrors()
	go x.copyInput()
	x.requests.Add(2)
	go x.passDown(fromUp)
	go x.passUp(fromDown)
	x.output.Wait()
	x.down.CloseWrite()
	x.requests.Wait()
	<-x.input
}

func (x *carried) copyOutput() {
	defer x.output.Done()
	io.Copy(x.down, x.up)
}

func (x *carried) copyErrors() {
	defer x.output.Done()
	io.Copy(x.down.Stderr(), x.up.Stderr())
}

func (x *carried) copyInput() {
	defer close(x.input)
	io.Copy(x.up, x.down)
	x.up.CloseWrite()
}

// passDown passes on what the server asks and tells, until it closes the channel; and
// then closes the client's, after the last of the output.
func (x *carried) passDown(fromUp <-chan *ssh.Request) {
	defer x.requests.Done()
	for r := range fromUp {
		if r.Type == keepalive {
			r.Reply(false, nil) // a client that is stopped must not cost the others the connection
			continue
		}
		pass(r, x.down)
	}
	x.output.Wait()
	x.asking.Lock() // the answer goes before the end
	defer x.asking.Unlock()
	x.down.Close()
}

// passUp passes on what the client asks, until it closes the channel or has gone; and
// then closes the server's, after the last of the input.
func (x *carried) passUp(fromDown <-chan *ssh.Request) {
	defer x.requests.Done()
	for r := range fromDown {
		x.ask(r)
	}
	select {
	case <-x.input:
	case <-x.gone:
		select {
		case <-x.input:
		case <-time.After(leftBehind):
		}
	}
	x.up.Close()
}

// leftBehind is how long what a client has sent and not waited for may take to be sent on.
const leftBehind = 5 * time.Second

// ask passes on what the client asks, unless it would make the server open channels that nobody
// expects.
func (x *carried) ask(r *ssh.Request) {
	x.asking.Lock()
	defer x.asking.Unlock()
	switch {
	case r.Type == "x11-req":
		r.Reply(x.forwardX11(), nil)
	case r.Type == "auth-agent-req@openssh.com" && !x.server.cfg.Client.ForwardsAgent():
		r.Reply(false, nil)
	default:
		pass(r, x.up)
	}
}

// forwardX11 asks for the forwarding of our display, since the server opens its channels to us.
func (x *carried) forwardX11() bool {
	cfg := x.server.cfg
	if cfg.X11 == nil {
		return false
	}
	display := cfg.X11(x.server.life)
	if display == nil {
		return false
	}
	ok, err := cfg.Client.RequestX11(x.up, *display)
	return ok && err == nil
}

// pass passes a request on, and its answer back.
func pass(r *ssh.Request, to ssh.Channel) {
	ok, err := to.SendRequest(r.Type, r.WantReply, r.Payload)
	r.Reply(ok && err == nil, nil)
}
