package gce_test

import (
	"context"
	"fmt"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/internal/googletest"
)

// A VM is found by its name alone.
func Example() {
	google := googletest.NewServer()
	defer google.Close()
	google.Grant("compute.instances.list")
	google.AddProject("lab-project", nil)
	google.AddInstance("lab-project", googletest.Instance{Name: "web-1", Zone: "europe-west1-b"})

	c := &gce.Client{
		HTTP:    google.Client(),
		Token:   func(context.Context, string) (string, error) { return google.Issue(), nil },
		Compute: google.ComputeURL(),
	}
	findings := c.Find(context.Background(), []string{"lab-project"}, "web-1")
	vm, err := gce.Choose("web-1", "", findings)
	fmt.Println(vm.Zone, vm.Region(), err)
	// Output: europe-west1-b europe-west1 <nil>
}
