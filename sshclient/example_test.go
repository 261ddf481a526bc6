package sshclient_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// A forward of a port to a server that only the far side reaches.
func ExampleForwards_Open() {
	server := sshtest.NewServer()
	server.AllowAll = true
	server.Start()
	defer server.Close()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()

	ctx := context.Background()
	client, err := sshclient.Handshake(ctx, server.Dial(), sshclient.Config{
		User: "alice", Host: "lab", Trust: sshclient.TrustKeys(server.HostKey()),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	there := web.Listener.Addr().(*net.TCPAddr)
	bound, err := client.Forwards().Open(ctx, sshclient.Forward{
		Kind:    sshclient.LocalForward,
		Listen:  sshclient.Endpoint{Host: "127.0.0.1"}, // and any port
		Connect: sshclient.Endpoint{Host: "127.0.0.1", Port: there.Port},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := http.Get("http://" + bound.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	answer.Body.Close()
	fmt.Println(answer.Status)
	// Output:
	// 404 Not Found
}

// A command on a server whose host key is known, logged in to with a key at hand.
func Example() {
	key := sshtest.NewKey()
	server := sshtest.NewServer()
	server.AuthorizedKeys = []ssh.PublicKey{key.PublicKey()}
	server.Shell = []string{"/bin/sh"}
	server.Start()
	defer server.Close()

	ctx := context.Background()
	conn, err := net.Dial("tcp", server.Addr)
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := sshclient.Handshake(ctx, conn, sshclient.Config{
		User:  "alice",
		Host:  "lab",
		Trust: sshclient.TrustKeys(server.HostKey()),
		Auth:  sshclient.Auth{Identities: []sshclient.Identity{{Signer: key}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	session, err := client.Start(ctx, sshclient.Command{Exec: "tr a-z A-Z; exit 7"})
	if err != nil {
		fmt.Println(err)
		return
	}
	result := session.Run(sshclient.Streams{Stdin: strings.NewReader("hello\n"), Stdout: os.Stdout, Stderr: os.Stderr})
	fmt.Println("exit", result.ExitCode())
	// Output:
	// HELLO
	// exit 7
}
