package main

import (
	"errors"
	"testing"

	"github.com/iapssh/iapssh/sshclient"
)

// A host that hangs up on who has offered too much has refused it: a key that it was given may be in force by the next connection.
func TestTurnedAway(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&sshclient.HandshakeError{Stage: sshclient.StageAuth, Err: &sshclient.AuthError{}}, true},
		{&sshclient.HandshakeError{Stage: sshclient.StageAuth, Err: errors.New("ssh: disconnect, reason 2")}, true},
		{&sshclient.HandshakeError{Stage: sshclient.StageHostKey, Err: errors.New("changed")}, false},
		{&sshclient.LostError{Err: errors.New("broken")}, false},
		{nil, false},
	} {
		if got := turnedAway(test.err); got != test.want {
			t.Errorf("%v: %t", test.err, got)
		}
	}
}
