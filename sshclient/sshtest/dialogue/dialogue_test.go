package dialogue_test

import (
	"net"
	"testing"

	"github.com/iapssh/iapssh/sshclient/sshtest/dialogue"
)

// As the package is meant to be used, with nothing between.
func TestDirect(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, manners := range []dialogue.Manners{dialogue.Patient, dialogue.Impatient} {
			service := dialogue.Serve(t, network, manners)
			conn, err := net.Dial(network, service.Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			service.Talk(t, conn)
		}
	}
}
