package session

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/sshclient"
)

// Jump connects to plan's host over conn, and through it to plan.StdioForward: plan is that of a jump host. ctx bounds that. To
// close the connection is to close the one to the host with it, and conn. Errors are those of [Run], or an *sshclient.OpenError.
func Jump(ctx context.Context, plan config.Plan, conn net.Conn, dialed time.Time, local Local) (net.Conn, error) {
	r := newRun(plan, conn, dialed, local)
	defer context.AfterFunc(ctx, r.hurry)()
	if err := r.connect(ctx); err != nil {
		r.close()
		return nil, err
	}
	r.runLocalCommand(ctx)
	return r.jump(ctx)
}

// jump makes the connection through the client, which belongs to it from here on.
func (r *run) jump(ctx context.Context) (net.Conn, error) {
	onward, err := r.dialOnward(ctx)
	if err != nil {
		r.close()
		return nil, err
	}
	return &jumpConn{Conn: onward, host: r}, nil
}

// jumpConn is a connection through a jump host.
type jumpConn struct {
	net.Conn
	host *run // its conn is nil if a master has the connection

	close  sync.Once
	closed error // set by close
}

// Read tells the end of the connection to the jump host from that of this one.
func (c *jumpConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil {
		return n, nil
	}
	if lost := c.host.client.Gone(); lost != nil && lost != sshclient.ErrClosed {
		err = &sshclient.LostError{Host: c.host.plan.Host, Err: lost}
	}
	return n, err
}

func (c *jumpConn) Close() error {
	c.close.Do(c.closeAll)
	return c.closed
}

func (c *jumpConn) closeAll() {
	c.closed = c.Conn.Close()
	c.host.close()
}

// bottom is the connection that the whole way hangs on.
func bottom(conn net.Conn) net.Conn {
	for {
		jump, ok := conn.(*jumpConn)
		if !ok {
			return conn
		}
		conn = jump.host.conn
	}
}

// LinkDown tells of the link there.
func (c *jumpConn) LinkDown() (since time.Time, down bool) {
	if link, ok := bottom(c).(sshclient.LinkState); ok {
		return link.LinkDown()
	}
	return time.Time{}, false
}

// RemoteAddr has no address of the far side, which only the jump host knows.
func (c *jumpConn) RemoteAddr() net.Addr { return beyond{} }

// beyond is an address that the jump host has resolved.
type beyond struct{}

func (beyond) Network() string { return "jump" }
func (beyond) String() string  { return "UNKNOWN:65535" } // as ssh names it
