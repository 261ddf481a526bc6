package list_test

import (
	"fmt"
	"os"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/list"
)

func Example() {
	vm := list.Of(gce.Instance{
		Ref: gce.Ref{Project: "my-project", Zone: "europe-west1-b", Name: "web-1"}, Status: "RUNNING",
		Interfaces: []gce.Interface{{Name: "nic0", Internal: "10.0.0.2", External: "192.0.2.1"}},
	})
	if err := list.Table(os.Stdout, []list.VM{vm}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// NAME   ZONE            PROJECT     INTERNAL_IP  EXTERNAL_IP  STATUS
	// web-1  europe-west1-b  my-project  10.0.0.2     192.0.2.1    RUNNING
}
