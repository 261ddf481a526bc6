package vm_test

import (
	"context"
	"fmt"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/vm"
	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// A plan whose zone is open is completed.
func Example() {
	google := googletest.NewServer()
	defer google.Close()
	google.Grant("compute.instances.list")
	google.AddProject("lab-project", nil)
	google.AddInstance("lab-project", googletest.Instance{Name: "web-1", Zone: "europe-west1-b"})

	cloud := &vm.Cloud{
		API: &gce.Client{
			HTTP:    google.Client(),
			Token:   func(context.Context, string) (string, error) { return google.Issue(), nil },
			Compute: google.ComputeURL(),
		},
		Account: func(context.Context) string { return google.Account },
		Say:     func(line string) { fmt.Println(line) },
		Debug:   func(string, ...any) {},
	}
	plan := config.Plan{Route: config.RouteLookup, Projects: []string{"lab-project"}, IAP: config.Target{Instance: "web-1"}}
	plan, err := cloud.Locate(context.Background(), plan)
	fmt.Println(plan.Route, plan.IAP.Project, plan.IAP.Zone, err)
	// Output:
	// No zone specified. Using zone [europe-west1-b] for instance: [web-1].
	// iap lab-project europe-west1-b <nil>
}
