package creds_test

import (
	"context"
	"fmt"
	"os"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/creds"
	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// A token that the relay refused is handed back for another.
func Example() {
	google := googletest.NewServer()
	defer google.Close()
	variables := map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": "key.json"}

	ctx := context.Background()
	source, err := creds.Find(ctx, creds.Environment{
		Getenv:     func(name string) string { return variables[name] },
		ReadFile:   func(string) ([]byte, error) { return google.ServiceAccount(), nil },
		HTTPClient: google.Client(),
	}, creds.Wish{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println(source.Principal(), "from", source.Origin())

	token, err := source.Token(ctx, "")
	fmt.Println(google.Valid(token), err)
	google.Expire(token)
	token, err = source.Token(ctx, token)
	fmt.Println(google.Valid(token), err)
	// Output:
	// robot@lab-project.iam.gserviceaccount.com from key.json (GOOGLE_APPLICATION_CREDENTIALS)
	// true <nil>
	// true <nil>
}
