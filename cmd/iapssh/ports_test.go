package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// serveOtherPorts puts plain servers on the lab's VM, for tunnels without SSH:
//
//	7   echoes
//	79  answers one line and ends
//	19  sends a line and resets the connection
func serveOtherPorts(relay *iaptest.Server) {
	relay.Handle(lab.VM, 7, iaptest.Echo())
	relay.Handle(lab.VM, 79, iaptest.Serve(answerOneLine))
	relay.Handle(lab.VM, 19, resetAfterALine)
}

func answerOneLine(c net.Conn) {
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil {
		fmt.Fprintf(c, "you said %s", line)
	}
}

// resetAfterALine is a server whose connection is reset.
func resetAfterALine(context.Context) (net.Conn, error) {
	server, relay := net.Pipe()
	go io.Copy(io.Discard, server)
	return &resetConn{Conn: relay, server: server}, nil
}

type resetConn struct {
	net.Conn
	server net.Conn
	said   bool
}

func (c *resetConn) Read(p []byte) (int, error) {
	if !c.said {
		c.said = true
		return copy(p, "before the reset\n"), nil
	}
	c.server.Close()
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}
