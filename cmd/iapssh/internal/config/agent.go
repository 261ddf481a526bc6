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

// forwardedAgent is ForwardAgent: the socket that authentication uses, one of its own, or none.
func (b *builder) forwardedAgent(socket string) string {
	value := first(b.s.word("forwardagent"), "no")
	name, isName := strings.CutPrefix(value, "$")
	switch {
	case value == "no":
		return ""
	case value == "yes":
		return socket
	case isName && !strings.HasPrefix(name, "{"):
		socket, _ := b.effects.LookupEnv(name)
		return socket
	}
	return b.expand("forwardagent", value)
}
