package cache_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/cache"
)

func Example() {
	dir, err := os.MkdirTemp("", "cache")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c, err := cache.Open(filepath.Join(dir, "iapssh"), "")
	if err != nil {
		log.Print(err) // c serves all the same
	}
	alice := c.For(cache.Owner{Account: "alice@example.com"})

	var zone string
	any := func() bool { return true }
	lookUp := func(context.Context) (time.Duration, error) {
		fmt.Println("looking it up")
		zone = "europe-west1-b"
		return time.Hour, nil
	}
	for range 2 {
		if err := alice.Once(context.Background(), "zone", "my-project/my-vm", &zone, any, lookUp); err != nil {
			log.Fatal(err)
		}
		fmt.Println(zone)
	}
	// Output:
	// looking it up
	// europe-west1-b
	// europe-west1-b
}
