package iaptest_test

import (
	"fmt"
	"net/http"

	"github.com/iapssh/iapssh/transport/iap/iaptest"
)

// A client that is no IAP client at all is refused, and the books say why.
func Example() {
	srv := iaptest.NewServer()
	defer srv.Close()
	srv.Handle("vm", 22, iaptest.Echo())

	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: srv.ClientTLS(),
		DialContext:     srv.NetDial,
	}}
	resp, err := client.Get("https://tunnel.cloudproxy.app/v4/connect?project=p&zone=z&instance=vm&port=22")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	fmt.Println(resp.Status)
	for _, v := range srv.Violations() {
		fmt.Println(v)
	}
	// Output:
	// 400 Bad Request
	// link 1: Authorization is not one bearer token: 0 headers
	// link 1: bad websocket upgrade headers: Connection "", Upgrade "", Sec-WebSocket-Version ""
	// link 1: bad websocket upgrade headers: Sec-WebSocket-Key ""
	// link 1: wrong Origin: []
	// link 1: wrong subprotocol: []
	// link 1: query parameter missing: "interface"
}

// Every link of the server breaks after 64 KiB, and the first attempt to resume
// a session is refused.
func ExampleFault() {
	srv := iaptest.NewUnstartedServer()
	srv.Faults = []iaptest.Fault{
		{On: iaptest.OnSent, After: 64 << 10, Do: iaptest.Reset},
		{On: iaptest.OnResume, Do: iaptest.Close, Code: 503, Times: 1},
	}
	srv.Start()
	defer srv.Close()
	for _, f := range srv.Faults {
		fmt.Println(f)
	}
	// Output:
	// sent RST after=65536
	// resume close times=1 code=503
}
