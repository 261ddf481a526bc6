package config

import (
	"errors"
	"testing"
)

func TestLocalFacts(t *testing.T) {
	nobody := errors.New("no such user")
	for _, test := range []struct {
		user       User
		err        error
		env        map[string]string
		name, home string
	}{
		{User{"ann", "1000", "/home/ann"}, nil, map[string]string{"HOME": ""}, "ann", "/home/ann"},
		{User{"ann", "1000", "/home/ann"}, nil, map[string]string{"HOME": "/tmp/", "LOGNAME": "bob"}, "ann", "/tmp"},
		{User{UID: "1000"}, nobody, map[string]string{"HOME": ""}, "1000", "/"},
		{User{UID: "1000"}, nobody, map[string]string{"HOME": "/work", "LOGNAME": "bob"}, "bob", "/work"},
	} {
		effects := machine{env: test.env}.effects()
		effects.User = func() (User, error) { return test.user, test.err }
		me, err := localFacts(effects)
		if err != nil || me.user != test.name || me.home != test.home || me.uid != test.user.UID {
			t.Errorf("%v, %v: %+v, %v", test.user, test.env, me, err)
		}
	}
	effects := machine{}.effects()
	effects.User = func() (User, error) { return User{}, nobody }
	if _, err := localFacts(effects); !errors.Is(err, nobody) {
		t.Errorf("nobody knows anything: %v", err)
	}
}
