package iaptest

import (
	"context"
	"io"
	"net"
)

// A Backend opens the connection behind a session: what a port of a VM is to
// the real relay. An error is reported to the client as close code 4003. The
// context ends when the client goes away or the server is closed.
//
// EOF from the connection ends the session with 1000, any other read error with
// 4010, a write error with 4009.
type Backend func(ctx context.Context) (net.Conn, error)

// TCP is the backend that listens on a TCP address.
func TCP(addr string) Backend {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
}

// Serve is a backend in this process, over an in-memory connection. The handler
// runs in a goroutine of its own for each session; the connection is closed when
// it returns, and Server.Close waits for it.
func Serve(handler func(net.Conn)) Backend {
	return func(context.Context) (net.Conn, error) {
		relay, vm := newPipe()
		c := &servedConn{pipeConn: relay, done: make(chan struct{})}
		go c.serve(handler, vm)
		return c, nil
	}
}

// Echo is a backend that sends back what it receives.
func Echo() Backend {
	return Serve(func(c net.Conn) { io.Copy(c, c) })
}

// servedConn is the relay's end of a connection to a handler.
type servedConn struct {
	*pipeConn
	done chan struct{} // closed when the handler has returned
}

func (c *servedConn) serve(handler func(net.Conn), vm net.Conn) {
	defer close(c.done)
	defer vm.Close()
	handler(vm)
}

// closeBackend closes a backend and, for one of ours, waits for its handler.
func closeBackend(c net.Conn) {
	c.Close()
	if served, ok := c.(*servedConn); ok {
		<-served.done
	}
}
