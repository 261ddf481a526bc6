package sshclient

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// The channels by which a server connects us somewhere: RFC 4254 section 7.2, and
// OpenSSH's PROTOCOL, section 2.4.
const (
	directTCP  = "direct-tcpip"
	directUnix = "direct-streamlocal@openssh.com"
)

// fakeOrigin is said of connections that come from no port: some servers want an address.
var fakeOrigin = Endpoint{Host: "127.0.0.1", Port: 65535}

// Dial has the server connect to an endpoint of its network. origin is what it is
// told of where the connection comes from, and may be zero. ctx bounds opening. The
// error is an *[OpenError], the context's, or why the connection to the server
// ended.
func (c *Client) Dial(ctx context.Context, to, origin Endpoint) (*Conn, error) {
	if !c.begin() {
		return nil, ErrClosed
	}
	d := &dialing{client: c, to: to, origin: origin, result: make(chan dialed)}
	go d.run(ctx.Done())
	select {
	case r := <-d.result:
		return r.conn, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// dialing is a Dial in progress. Like starting, it outlives a context that ends, to
// close what it opens.
type dialing struct {
	client     *Client
	to, origin Endpoint
	result     chan dialed
}

type dialed struct {
	conn *Conn
	err  error
}

func (d *dialing) run(canceled <-chan struct{}) {
	defer d.client.work.Done()
	var r dialed
	channel, reqs, err := d.client.openDirect(d.to, d.origin)
	if err != nil {
		r.err = d.explain(err)
	} else {
		r.conn = &Conn{Channel: channel, client: d.client, local: d.origin, remote: d.to, closed: make(chan struct{})}
		d.client.work.Add(1) // within the one of this goroutine
		go r.conn.serveRequests(reqs)
	}
	select {
	case d.result <- r:
	case <-canceled:
		if r.conn != nil {
			r.conn.Close()
		}
	}
}

// explain makes an *OpenError of the server's refusal.
func (d *dialing) explain(err error) error {
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		return notOpened(d.to, refused)
	}
	return d.client.explain(err)
}

// openDirect opens a channel that leads to an endpoint. It waits for as long as the
// connection to the server lives.
func (c *Client) openDirect(to, origin Endpoint) (ssh.Channel, <-chan *ssh.Request, error) {
	if origin.Host == "" {
		origin = fakeOrigin
	}
	if to.Path != "" {
		return c.conn.OpenChannel(directUnix, ssh.Marshal(struct {
			Path, Host string
			Port       uint32
		}{to.Path, origin.Host, uint32(origin.Port)}))
	}
	return c.conn.OpenChannel(directTCP, ssh.Marshal(struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}{to.Host, uint32(to.Port), origin.Host, uint32(origin.Port)}))
}

// Conn is a connection that leads through the server. It is a net.Conn, except that
// it has no deadlines, and that a Close ends a Read in progress only when the server
// has confirmed it.
type Conn struct {
	ssh.Channel
	client        *Client
	local, remote Endpoint
	closed        chan struct{} // closed by serveRequests
}

// serveRequests refuses what the server asks for, until it has closed the connection.
func (c *Conn) serveRequests(reqs <-chan *ssh.Request) {
	defer c.client.work.Done()
	ssh.DiscardRequests(reqs)
	close(c.closed)
}

// Run joins the connection with local streams, of which Stderr is not used. Each
// direction ends by itself, and passes its end on: Stdout, if it is an [io.Closer], is
// closed behind the last byte. Run closes the connection when both have ended, and
// returns when the server has closed it too, having delivered what was sent; or when
// Stdout takes no more, which is the error.
func (c *Conn) Run(streams Streams) error {
	sent, received := make(chan struct{}), make(chan error, 1)
	go c.send(streams.Stdin, sent)
	go c.receive(streams.Stdout, received)
	err := <-received
	if err == nil {
		select {
		case <-sent:
		case <-c.closed:
		}
	}
	if in, ok := streams.Stdin.(Interrupter); ok {
		in.Interrupt()
	}
	c.Close()
	<-sent
	if err == nil {
		<-c.closed
	}
	return err
}

func (c *Conn) send(from io.Reader, done chan<- struct{}) {
	defer close(done)
	pump(c.Channel, from, sessionBuffer())
	c.CloseWrite()
}

func (c *Conn) receive(to io.Writer, done chan<- error) {
	_, err := pump(to, c.Channel, sessionBuffer())
	if closer, ok := to.(io.Closer); ok {
		closer.Close()
	}
	done <- err
}

// LocalAddr is the origin that was given to [Client.Dial].
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is where the server was asked to connect to.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline fails with os.ErrNoDeadline.
func (c *Conn) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline fails with os.ErrNoDeadline.
func (c *Conn) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline fails with os.ErrNoDeadline.
func (c *Conn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
