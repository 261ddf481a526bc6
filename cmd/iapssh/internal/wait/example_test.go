package wait_test

import (
	"fmt"
	"time"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/wait"
	"github.com/iapssh/iapssh/transport/iap"
)

func ExampleDecide() {
	err := &iap.DialError{Stage: iap.StageSession, Err: &iap.CloseError{Code: iap.CloseBackendFailed}}
	fmt.Println(wait.Decide(wait.Facts{Err: err}, time.Now()).For)
	// Output: for the port to answer
}
