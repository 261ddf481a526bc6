package config_test

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

func ExampleResolve() {
	effects := config.System()
	// A machine of our own: no gcloud, and one configuration file.
	effects.LookupEnv = func(string) (string, bool) { return "", false }
	effects.Glob = func(string) ([]string, error) { return nil, nil }
	effects.ReadFile = func(name string) ([]byte, error) {
		if name == "ssh_config" {
			return []byte("Host web-*\n  IAPProject my-project\n  IAPZone europe-west1-b\n  User deploy\n"), nil
		}
		return nil, fs.ErrNotExist
	}
	plan, err := config.Resolve(context.Background(), "iapssh", []string{"-F", "ssh_config", "web-1", "uptime"}, effects)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan.User, plan.IAP.Instance, plan.IAP.Zone, plan.IAP.Project, plan.Command)
	fmt.Println("through", plan.Route, "because", plan.RouteReason)
	// Output:
	// deploy web-1 europe-west1-b my-project uptime
	// through iap because iapproject was given
}
