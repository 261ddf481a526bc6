package configssh_test

import (
	"fmt"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/configssh"
)

func Example() {
	include := configssh.Include{File: "/home/ali/.ssh/iapssh_config", SSHDir: "/home/ali/.ssh", Home: "/home/ali"}
	fmt.Print(include.AddTo("Host *\n    ForwardAgent no\n"))
	// Output:
	// Include "/home/ali/.ssh/iapssh_config"
	// Host *
	//     ForwardAgent no
}
