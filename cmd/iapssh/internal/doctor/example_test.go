package doctor_test

import (
	"os"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/doctor"
	"github.com/iapssh/iapssh/cmd/iapssh/internal/gce"
)

func Example() {
	found := doctor.Findings{Who: "ali@example.com", Ref: gce.Ref{Project: "p", Zone: "z", Name: "vm"}, Locate: os.ErrNotExist}
	checks := doctor.Examine(found, func(err error) doctor.Problem {
		return doctor.Problem{Cause: err.Error(), Fix: "name another"}
	})
	doctor.Report{Target: "vm.z.p", Checks: checks[:3]}.WriteText(os.Stdout)
	// Output:
	// vm.z.p
	// pass     sign-in   as ali@example.com
	// fail     vm        file does not exist
	//                    name another
	// skipped  apis      the VM is not found
}
