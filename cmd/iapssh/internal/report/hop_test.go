package report

import (
	"io"
	"testing"

	"github.com/iapssh/iapssh/sshclient"
)

// What goes wrong on the way to a host names the host where it did.
func TestHops(t *testing.T) {
	lost := func(host string, err error) error { return &sshclient.LostError{Host: host, Err: err} }
	refused := &sshclient.OpenError{To: sshclient.Endpoint{Host: "db", Port: 22}, Reason: "connect failed", Message: "Connection refused"}
	through := "iapssh: the way led through jump host bastion\n"
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"denied", &HopError{Host: "bastion", Err: &sshclient.HandshakeError{Host: "b", Stage: sshclient.StageBanner, Err: io.EOF}},
			"kex_exchange_identification: Connection closed by remote host\niapssh: the way ends at jump host bastion\n"},
		{"not opened", &HopError{Host: "bastion", Err: refused},
			"channel 0: open failed: connect failed: Connection refused\niapssh: jump host bastion could not connect to host db port 22\n"},
		{"-W not opened", refused,
			"channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\n"},
		{"silent in a session", lost("db", lost("bastion", sshclient.ErrServerSilent)),
			"Timeout, server bastion not responding.\n" + through},
		{"gone in a session", lost("db", lost("middle", lost("bastion", io.EOF))),
			"Connection to bastion closed by remote host.\n" + through},
		{"gone in a handshake", &sshclient.HandshakeError{Host: "db", Stage: sshclient.StageKex, Err: lost("bastion", io.EOF)},
			"Connection to bastion closed by remote host.\n" + through},
		{"gone itself", lost("db", io.EOF), "Connection to db closed by remote host.\n"},
	} {
		if got := Of(tc.err, Facts{}).Lines(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
