package tunnel

import "time"

const (
	// probeLife is how long a session that was opened to check the way may wait for the first client: an SSH server hangs up
	// on those who do not log in (sshd's LoginGraceTime is 120 s), and should not keep a place for nobody.
	probeLife = 30 * time.Second

	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second

	// drainQuiet and drainLimit bound the end: what moves may go on for a while, what is quiet is closed.
	drainQuiet = 300 * time.Millisecond
	drainLimit = 3 * time.Second

	// unreadLimit is how long a client whose session has ended may go on sending: what is not read when a socket is closed
	// makes the system reset it, and the client may lose the last bytes that it was sent.
	unreadLimit = time.Second
)

// fresh says that a probe of this age may become a client's connection.
func fresh(age time.Duration) bool { return age < probeLife }

// acceptPause is how long to wait after so many failures to accept in a row. There is no failure after which a listener would
// not go on: what is scarce, most often descriptors, may be back soon.
func acceptPause(failures int) time.Duration {
	return min(maxAcceptPause, minAcceptPause<<min(failures-1, 20))
}

// drained says whether an end has waited long enough: since it began, and since something moved last.
func drained(sinceBegan, sinceMoved time.Duration) bool {
	return sinceMoved >= drainQuiet || sinceBegan >= drainLimit
}
