package tunnel

import (
	"fmt"
	"strings"

	"github.com/iapssh/iapssh/cmd/iapssh/internal/amount"
)

// maxShown bounds the connections that a text tells of one by one.
const maxShown = 50

// Text tells of a snapshot in lines; before is an earlier one, for what goes on now.
func (s Snapshot) Text(before Snapshot) string {
	var b strings.Builder
	seconds := s.Time.Sub(before.Time).Seconds()
	rate := func(now, then uint64) string { return amount.Bytes(float64(now-then)/seconds) + "/s" }
	fmt.Fprintf(&b, "up %s: %d clients now, %d in all; %d without a session, %d broken off; %d failures to accept\n",
		amount.Round(s.Time.Sub(s.Began)), len(s.Open), s.Clients, s.Refused, s.Failed, s.AcceptErrors)
	fmt.Fprintf(&b, "now: sent %s, received %s; in all: sent %s, received %s; %d resumes, %d ACKs, %d access tokens\n",
		rate(s.Sent, before.Sent), rate(s.Received, before.Received), amount.Bytes(float64(s.Sent)), amount.Bytes(float64(s.Received)),
		s.Resumes, s.Acks, s.Tokens)
	for i, c := range s.Open {
		if i == maxShown {
			fmt.Fprintf(&b, "and %d more\n", len(s.Open)-maxShown)
			break
		}
		b.WriteString(c.text(s))
	}
	return b.String()
}

// text is a connection's line.
func (c Connection) text(s Snapshot) string {
	line := fmt.Sprintf("[%d] %s for %s: sent %s, received %s", c.ID, c.Client, amount.Round(s.Time.Sub(c.Began)),
		amount.Bytes(float64(c.Sent)), amount.Bytes(float64(c.Received)))
	line += fmt.Sprintf(", %s not confirmed, %d ACKs, %d resumes", amount.Bytes(float64(c.Session.Unconfirmed)),
		c.Session.AcksIn+c.Session.AcksOut, c.Session.Resumes)
	if c.Session.RTT > 0 {
		line += fmt.Sprintf(", relay %s away", amount.Round(c.Session.RTT))
	}
	if !c.Session.DownSince.IsZero() {
		line += fmt.Sprintf(", no link for %s", amount.Round(s.Time.Sub(c.Session.DownSince)))
	}
	return line + "\n"
}
