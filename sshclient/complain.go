package sshclient

import (
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"
)

// Failures of forwarded connections are told in a line each, but not more than
// complaintBurst at once and complaintRate in the long run: a page that loads through a
// forward that leads nowhere makes hundreds.
const (
	complaintBurst = 5
	complaintRate  = 1 // per second
)

// complaints counts what has been told. The zero value has told nothing.
type complaints struct {
	told   float64 // of complaintBurst, less what has been forgotten since
	last   time.Time
	untold int
}

// admit says whether a complaint may be told now, and how many were not before it.
func (c *complaints) admit(now time.Time) (ok bool, untold int) {
	c.told = max(0, c.told-complaintRate*now.Sub(c.last).Seconds())
	c.last = now
	if c.told > complaintBurst-1 {
		c.untold++
		return false, 0
	}
	c.told++
	untold, c.untold = c.untold, 0
	return true, untold
}

// complain tells of a failure on a forward, unless there are too many. None is told
// once the connection to the server has ended, which tells of itself.
func (f *Forwards) complain(format string, args ...any) {
	f.mu.Lock()
	ended := f.ended
	ok, untold := f.complaints.admit(time.Now())
	f.mu.Unlock()
	if ended || !ok {
		return
	}
	line := fmt.Sprintf(format, args...)
	if untold > 0 {
		line += fmt.Sprintf(" (and %d more failures before)", untold)
	}
	f.client.log(Error, "%s", line)
}

// openFailure is why the server did not open a channel, in ssh's words.
func openFailure(refused *ssh.OpenChannelError) string {
	if refused.Message == "" {
		return refused.Reason.String()
	}
	return refused.Reason.String() + ": " + refused.Message
}
