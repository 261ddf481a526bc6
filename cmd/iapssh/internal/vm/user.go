package vm

import (
	"slices"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/config"
)

// A Login is who to be on a VM, and why, in one clause for -v.
type Login struct{ User, Why string }

// LoginOf decides that for a plan's VM. email is the account's.
func LoginOf(plan config.Plan, email string, f Facts) Login {
	return chooseLogin(plan.User, plan.UserGiven && !(plan.UserYields && f.OSLogin), email, f)
}

// chooseLogin decides that as gcloud does: requested is the name that ssh would use, which was given by the user or is that of the
// local account; email is the account's.
//
// A name that was given stays: there are users beside those of OS Login.
func chooseLogin(requested string, given bool, email string, f Facts) Login {
	switch {
	case given:
		return Login{requested, "was given"}
	case f.OSLogin && slices.Contains(f.LoginUsers, requested):
		return Login{requested, "is one of OS Login's"}
	case f.OSLogin && len(f.LoginUsers) > 0:
		return Login{f.LoginUsers[0], "is OS Login's"}
	case f.OSLogin && email != "":
		return Login{legalName(email), "will be OS Login's, unless the organisation has other rules"}
	case isPlain(requested):
		return Login{requested, "is the local name"}
	}
	local, _, _ := strings.Cut(email, "@")
	if local == "" {
		return Login{requested, "is the local name"}
	}
	return Login{legalName(local), "is made of the account's name: the local one is not fit for Linux"}
}

func isPlain(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

const maxName = 32

// legalName maps what is not allowed in a Linux name.
func legalName(s string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(s))
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = "g" + name
	}
	return name[:min(len(name), maxName)]
}
