package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
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
//	2299 says what sshd says to an address that it has penalised
//
// and SSH servers that let nobody in by a key alone:
//
//	2201  password "secret"
//	2202  two questions
//	2203  the lab's key, then two questions
func serveOtherPorts(relay *iaptest.Server, key cryptossh.PublicKey) (closeAll func()) {
	relay.Handle(lab.VM, 7, iaptest.Echo())
	relay.Handle(lab.VM, 79, iaptest.Serve(answerOneLine))
	relay.Handle(lab.VM, 19, resetAfterALine)
	relay.Handle(lab.VM, 9, hesitant)
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

// hesitant is a server whose connection comes late and ends at once.
func hesitant(ctx context.Context) (net.Conn, error) {
	select {
	case <-time.After(phasePatience + time.Second):
	case <-ctx.Done():
	}
	server, relay := net.Pipe()
	server.Close()
	return relay, ctx.Err()
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
