package session

import (
	"net/url"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/iapssh/iapssh/ci/line"
)

// A client is a command line that takes a remote command as one more argument.
type client []string

var (
	ours  = client{"iapssh", "lab-vm"}
	stock = client{"ssh", "lab-vm"}     // through its ProxyCommand, which is iapssh as well
	plain = client{"ssh", "lab-direct"} // without a tunnel
)

func needLab(tb testing.TB) {
	tb.Helper()
	if os.Getenv("IAPSSH_RELAY_URL") == "" {
		tb.Skip("there is no lab around this process: run ci/session")
	}
}

func (c client) command(args ...string) *exec.Cmd {
	args = slices.Concat(c, args)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	return cmd
}

// wayToRelay makes a line to the relay, without a bound but that of a round trip, and an environment variable that leads there.
func wayToRelay(tb testing.TB, roundTrip time.Duration) (way *line.Line, variable string) {
	tb.Helper()
	relay, err := url.Parse(os.Getenv("IAPSSH_RELAY_URL"))
	if err != nil {
		tb.Fatal(err)
	}
	way = line.New(line.Config{Rate: 1 << 30, OneWay: roundTrip / 2, Hold: 16 << 20})
	if relay.Host, err = way.To(relay.Host); err != nil {
		tb.Fatal(err)
	}
	return way, "IAPSSH_RELAY_URL=" + relay.String()
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
