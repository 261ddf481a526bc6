package filelock_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/iapssh/iapssh/knownhosts/filelock"
)

func Example() {
	dir, err := os.MkdirTemp("", "filelock")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			log.Fatal(err)
		}
		return f
	}
	first, second := open(), open()
	fmt.Println(filelock.Try(first))
	fmt.Println(filelock.Try(second))
	first.Close()
	fmt.Println(filelock.Try(second))
	second.Close()
	// Output:
	// true <nil>
	// false <nil>
	// true <nil>
}
