package main

import (
	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

// effects are the machine's, and what our other packages know.
func effects() config.Effects {
	e := config.System()
	return e
}
