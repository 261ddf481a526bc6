package googletest_test

import (
	"fmt"
	"net/http"

	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// A relay emulator that lets in whoever has a token of this server.
func Example() {
	google := googletest.NewServer()
	defer google.Close()

	authorize := func(r *http.Request) bool {
		token, ok := bearer(r)
		return ok && google.Valid(token)
	}

	r, _ := http.NewRequest("GET", "https://relay.example/v4/connect", nil)
	token := google.Issue()
	r.Header.Set("Authorization", "Bearer "+token)
	fmt.Println(authorize(r))
	google.Expire(token)
	fmt.Println(authorize(r))
	// Output:
	// true
	// false
}

func bearer(r *http.Request) (string, bool) {
	var token string
	_, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %s", &token)
	return token, err == nil
}
