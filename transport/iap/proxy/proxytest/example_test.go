package proxytest_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/iapssh/iapssh/transport/iap/proxy"
	"github.com/iapssh/iapssh/transport/iap/proxy/proxytest"
)

func Example() {
	p, err := proxytest.New("socks5h", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	p.Dial = func(string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go far.Write([]byte("hello"))
		return near, nil
	}
	conn, err := new(proxy.Dialer).Dial(context.Background(), p.URL, "relay.example:443")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	hello := make([]byte, 5)
	conn.Read(hello)
	fmt.Printf("%s from %s\n", hello, p.Asked())
	// Output: hello from [relay.example:443]
}
