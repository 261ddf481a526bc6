package iap_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/iapssh/iapssh/transport/iap"
	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

func Example() {
	// A relay with one VM, in place of Google's.
	relay := iaptest.NewServer()
	defer relay.Close()
	relay.Handle("web-1", 7, iaptest.Echo())

	dialer := &iap.Dialer{
		URL:       relay.URL,         // leave it empty for Google's
		TLSConfig: relay.ClientTLS(), // and this
		Token: func(ctx context.Context, refused string) (string, error) {
			return "an access token", nil
		},
	}
	conn, err := dialer.Dial(context.Background(), iap.Target{
		Project: "my-project", Zone: "europe-west1-b", Instance: "web-1", Port: 7,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "hello")
	reply := make([]byte, 5)
	if _, err := io.ReadFull(conn, reply); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s says %s\n", conn.RemoteAddr(), reply)
	// Output: web-1.europe-west1-b.my-project:7 says hello
}

func ExampleDialError() {
	relay := iaptest.NewServer()
	defer relay.Close()
	relay.Handle("web-1", 22, iaptest.Echo())

	dialer := &iap.Dialer{
		URL:       relay.URL,
		TLSConfig: relay.ClientTLS(),
		Token:     func(context.Context, string) (string, error) { return "an access token", nil },
	}
	_, err := dialer.Dial(context.Background(), iap.Target{Project: "p", Zone: "z", Instance: "web-1", Port: 2222})
	fmt.Println(err)
	// Output: iap: dial web-1.z.p:2222: session: the relay closed the session with code 4003 (failed to connect to backend)
}
