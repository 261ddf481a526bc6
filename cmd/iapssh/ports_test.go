package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	cryptossh "golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/cmd/internal/lab"
	"github.com/iapssh/iapssh/sshclient/sshtest"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// serveOtherPorts puts plain servers on the lab's VM, for tunnels without SSH:
//
//	7   echoes
//	79  answers one line and ends
//	19  sends a line and resets the connection
//	9   takes its time to answer, and then hangs up
//	2217, 2213, 2221, 2223  echo, say a word, and two sshds, where nothing answers every other time
//	2220 an sshd that hangs up on the first connection
//	2218 takes connections and says nothing
//	2299 says what sshd says to an address that it has penalised
//
// and SSH servers that let nobody in by a key alone:
//
//	2201  password "secret"
//	2202  two questions
//	2203  the lab's key, then two questions
func serveOtherPorts(relay *iaptest.Server, sshd string, key cryptossh.PublicKey) (closeAll func()) {
	relay.Handle(lab.VM, 7, iaptest.Echo())
	relay.Handle(lab.VM, 79, iaptest.Serve(answerOneLine))
	relay.Handle(lab.VM, 19, resetAfterALine)
	relay.Handle(lab.VM, 9, hesitant)
	relay.Handle(lab.VM, 2217, late(iaptest.Echo()))
	relay.Handle(lab.VM, 2213, late(iaptest.Serve(sayIn)))
	relay.Handle(lab.VM, 2223, late(iaptest.TCP(sshd)))
	relay.Handle(lab.VM, 2221, late(iaptest.TCP(sshd)))
	relay.Handle(lab.VM, 2220, hangsUpFirst(sshd))
	relay.Handle(lab.VM, 2218, iaptest.Serve(saysNothing))
	relay.Handle(lab.VM, 2299, iaptest.Serve(turnAway))
	questions := []sshtest.Question{{Text: "Code: ", Answer: "123"}, {Text: "Colour: ", Answer: "red", Echo: true}}
	servers := map[int]*sshtest.Server{
		2201: {Password: "secret", Banner: "Members only.\r\n"},
		2202: {Questions: questions, Instruction: "Two questions."},
		2203: {Questions: questions, AuthorizedKeys: []cryptossh.PublicKey{key}, Steps: []string{"publickey", "keyboard-interactive"}},
	}
	for port, server := range servers {
		server.HostKeys = []cryptossh.Signer{sshtest.NewKey()}
		server.Shell = []string{"/bin/sh"}
		server.Start()
		relay.Handle(lab.VM, port, iaptest.TCP(server.Addr))
	}
	return func() {
		for _, server := range servers {
			server.Close()
		}
	}
}

func answerOneLine(c net.Conn) {
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil {
		fmt.Fprintf(c, "you said %s", line)
	}
}

// turnAway is an sshd that has seen too many logins fail.
func turnAway(c net.Conn) {
	io.WriteString(c, "Not allowed at this time\r\n")
	bufio.NewReader(c).ReadString('\n')
}

// saysNothing is a port of a VM on which something has stopped half-way.
func saysNothing(c net.Conn) { io.Copy(io.Discard, c) }

// late is a port of a VM that is starting up: every other time nothing answers there yet.
func late(backend iaptest.Backend) iaptest.Backend {
	var tries atomic.Int32
	return func(ctx context.Context) (net.Conn, error) {
		if tries.Add(1)%2 == 1 {
			return nil, syscall.ECONNREFUSED
		}
		return backend(ctx)
	}
}

// hangsUpFirst is an sshd that is starting up: it takes the first connection, and ends it.
func hangsUpFirst(sshd string) iaptest.Backend {
	var tries atomic.Int32
	return func(ctx context.Context) (net.Conn, error) {
		if tries.Add(1) == 1 {
			return iaptest.Serve(func(net.Conn) {})(ctx)
		}
		return iaptest.TCP(sshd)(ctx)
	}
}

func sayIn(c net.Conn) { io.WriteString(c, "in\n") }

// hesitant is a server whose connection comes late and ends at once.
func hesitant(ctx context.Context) (net.Conn, error) {
	select {
	case <-time.After(phasePatience + time.Second):
	case <-ctx.Done():
	}
	server, relay := net.Pipe()
	go io.Copy(io.Discard, server)
	return endedConn{relay}, ctx.Err()
}

// endedConn is a connection whose far side has said its last, and still takes what it is sent.
type endedConn struct{ net.Conn }

func (endedConn) Read([]byte) (int, error) { return 0, io.EOF }

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
