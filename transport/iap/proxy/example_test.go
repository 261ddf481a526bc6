package proxy_test

import (
	"fmt"
	"log"

	"github.com/iapssh/iapssh/transport/iap/proxy"
)

func Example() {
	environment := map[string]string{"HTTPS_PROXY": "http://proxy.corp.example:3128", "NO_PROXY": ".corp.example"}
	settings, err := proxy.FromEnvironment(func(name string) string { return environment[name] })
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(settings.For("tunnel.cloudproxy.app:443"))
	fmt.Println(settings.For("wiki.corp.example:443") == nil)
	// Then: new(proxy.Dialer).Dial(ctx, settings.For(addr), addr)
	// Output:
	// http://proxy.corp.example:3128
	// true
}
