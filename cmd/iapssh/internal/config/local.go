package config

import (
	"fmt"
	"strings"
)

// local is what the machine says of itself and its user.
type local struct {
	user      string
	uid       string
	home      string // without trailing slash
	host      string
	shortHost string
}

func localFacts(effects Effects) (local, error) {
	u, err := effects.User()
	switch {
	case err != nil && u.UID == "":
		return local{}, fmt.Errorf("who am I: %w", err)
	case err != nil: // a number that has no name, as in containers, or none in the lists that a static program reads
		name, _ := effects.LookupEnv("LOGNAME")
		u.Name, u.Home = first(name, u.UID), "/"
	}
	host, err := effects.Hostname()
	if err != nil {
		return local{}, fmt.Errorf("gethostname: %w", err)
	}
	me := local{user: u.Name, uid: u.UID, home: u.Home, host: host}
	me.shortHost, _, _ = strings.Cut(host, ".")
	variable := "HOME"
	if effects.OS == "windows" {
		variable = "USERPROFILE"
	}
	if home, _ := effects.LookupEnv(variable); home != "" {
		me.home = home
	}
	if len(me.home) > 1 {
		me.home = strings.TrimRight(me.home, "/")
	}
	return me, nil
}
