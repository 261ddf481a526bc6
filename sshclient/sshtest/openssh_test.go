//go:build unix

package sshtest_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// This machine's own sshd greets a client.
func ExampleOpenSSH() {
	dir, err := os.MkdirTemp("", "sshd")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_, host, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	sshd, err := sshtest.OpenSSH{Dir: dir, HostKeys: []any{host}}.Prepare()
	if err != nil {
		log.Fatal(err)
	}
	defer sshd.Close()
	conn, err := sshd.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	greeting := make([]byte, len("SSH-2.0-OpenSSH"))
	_, err = io.ReadFull(conn, greeting)
	fmt.Println(string(greeting), err)
	// Output: SSH-2.0-OpenSSH <nil>
}
