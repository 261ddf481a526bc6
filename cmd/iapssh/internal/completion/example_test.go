package completion_test

import (
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/completion"
)

func Example() {
	first, _, _ := strings.Cut(completion.Script("bash"), "\n")
	fmt.Println(first)
	// Output: # For bash: eval "$(iapssh --completion=bash)" in ~/.bashrc
}
