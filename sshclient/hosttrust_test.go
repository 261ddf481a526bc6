package sshclient_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// knownHost trusts by a known_hosts file, and stores the key of a host that is not in it: StrictHostKeyChecking=accept-new.
type knownHost struct {
	file   string
	target knownhosts.Target
}

func (k knownHost) Algorithms() []string {
	store, err := knownhosts.Read([]string{k.file}, nil)
	if err != nil {
		return nil // Check will say so
	}
	return store.Algorithms(k.target, nil)
}

func (k knownHost) Check(_ context.Context, _ string, _ net.Addr, key ssh.PublicKey) (sshclient.Verdict, error) {
	store, err := knownhosts.Read([]string{k.file}, nil)
	if err != nil {
		return sshclient.Verdict{}, err
	}
	verdict := store.Decide(knownhosts.Query{Target: k.target, Key: key, Now: time.Now()})
	switch verdict.Action(knownhosts.AcceptNew, true) {
	case knownhosts.Accept:
		return sshclient.Verdict{}, nil
	case knownhosts.AcceptAndAdd:
		return sshclient.Verdict{}, knownhosts.Append(k.file, verdict.Names(), key, false)
	}
	return sshclient.Verdict{}, &knownhosts.RefusedError{Verdict: verdict}
}

// Learn does without the server's other keys.
func (knownHost) Learn([]ssh.PublicKey, func([]ssh.PublicKey) ([]ssh.PublicKey, error)) {}

// Trust by a known_hosts file: the first connection learns the server's key, and another key in its place is refused.
func ExampleHostTrust() {
	dir, err := os.MkdirTemp("", "trust")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	trust := knownHost{filepath.Join(dir, "known_hosts"), knownhosts.Target{Host: "lab"}}
	for _, meeting := range []string{"first", "second"} {
		server := sshtest.NewServer() // each time another one, with a key of its own
		server.AllowAll = true
		server.Start()
		client, err := sshclient.Handshake(context.Background(), server.Dial(), sshclient.Config{User: "alice", Host: "lab", Trust: trust})
		fmt.Println(meeting+":", err)
		if err == nil {
			client.Close()
		}
		server.Close()
	}
	// Output:
	// first: <nil>
	// second: host key verification with lab: Host key verification failed.
}
