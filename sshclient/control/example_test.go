package control_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/iapssh/iapssh/sshclient"
	"github.com/iapssh/iapssh/sshclient/control"
	"github.com/iapssh/iapssh/sshclient/sshtest"
)

// A process shares its connection, and another, here the same, has a session on it.
func Example() {
	vm := sshtest.NewServer()
	vm.AllowAll = true
	vm.Handler = func(s *sshtest.Session) sshtest.Exit {
		fmt.Fprintln(s.Stdout, "ran", s.Command)
		return sshtest.Exit{}
	}
	defer vm.Close()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")

	ctx := context.Background()
	connection, err := sshclient.Handshake(ctx, vm.Dial(), sshclient.Config{User: "alice", Host: "vm", Trust: sshclient.TrustKeys(vm.HostKey())})
	if err != nil {
		panic(err)
	}
	listener, err := control.Listen(path)
	if err != nil {
		panic(err)
	}
	server := control.Serve(listener, control.ServerConfig{Client: connection, Host: "vm"})
	defer server.Close()
	defer connection.Close()

	master, err := control.Dial(ctx, path)
	if err != nil {
		panic(err)
	}
	client, err := master.Join(sshclient.Config{Host: "vm"})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	session, err := client.Start(ctx, sshclient.Command{Exec: "uname"})
	if err != nil {
		panic(err)
	}
	session.Run(sshclient.Streams{Stdout: os.Stdout})
	// Output: ran uname
}
