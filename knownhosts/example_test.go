package knownhosts_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/iapssh/iapssh/knownhosts"
)

// A first connection learns the key; the second finds it.
func Example() {
	dir, err := os.MkdirTemp("", "knownhosts")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "known_hosts")
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR"))
	if err != nil {
		log.Fatal(err)
	}

	target := knownhosts.Target{Host: "web.example", Port: 2222}
	for range 2 {
		store, err := knownhosts.Read([]string{file}, nil)
		if err != nil {
			log.Fatal(err)
		}
		verdict := store.Decide(knownhosts.Query{Target: target, Key: key, Now: time.Now()})
		switch verdict.Action(knownhosts.AcceptNew, false) {
		case knownhosts.Accept:
			fmt.Println("known from line", verdict.By.Number)
		case knownhosts.AcceptAndAdd:
			if err := knownhosts.Append(file, verdict.Names(), key, false); err != nil {
				log.Fatal(err)
			}
			fmt.Println(verdict.Added())
		default:
			fmt.Println(knownhosts.VerificationFailed)
		}
	}
	// Output:
	// Warning: Permanently added '[web.example]:2222' (ED25519) to the list of known hosts.
	// known from line 1
}
