package config

import (
	"strconv"
	"strings"
	"time"
)

// keysForAgent reads the value of AddKeysToAgent: a state, "confirm SECONDS", or
// SECONDS, which implies yes.
func keysForAgent(value string) (whether string, lifetime time.Duration) {
	whether, life, timed := strings.Cut(first(value, "no"), " ")
	if !timed {
		life = whether
	}
	if seconds, err := strconv.Atoi(life); err == nil {
		lifetime = time.Duration(seconds) * time.Second
		if !timed {
			whether = "yes"
		}
	}
	return whether, lifetime
}
