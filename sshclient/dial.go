package sshclient

import (
	"context"
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
// error is an *ssh.OpenChannelError, the context's, or why the connection to the server
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
		r.err = d.client.explain(err)
	} else {
		r.conn = &Conn{Channel: channel, local: d.origin, remote: d.to}
		d.client.work.Add(1) // within the one of this goroutine
		go d.client.refuseAll(reqs)
	}
	select {
	case d.result <- r:
	case <-canceled:
		if r.conn != nil {
			r.conn.Close()
		}
	}
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

// refuseAll answers the requests of a channel that knows none, until it is closed by
// the server.
func (c *Client) refuseAll(reqs <-chan *ssh.Request) {
	defer c.work.Done()
	ssh.DiscardRequests(reqs)
}

// Conn is a connection that leads through the server. It is a net.Conn, except that
// it has no deadlines, and that a Close ends a Read in progress only when the server
// has confirmed it.
type Conn struct {
	ssh.Channel
	local, remote Endpoint
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
