package sshclient_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

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
