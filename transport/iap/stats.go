package iap

import "time"

// counts are a session's, over all its links; Conn.mu guards them.
type counts struct {
	framesIn, framesOut uint64 // DATA messages
	acksIn, acksOut     uint64
}

// Stats is a consistent snapshot of a session. Bytes are payload, counted once however often they travelled.
type Stats struct {
	BytesIn, BytesOut   uint64 // received from the relay; taken by Write
	FramesIn, FramesOut uint64 // DATA messages, those that were sent again included
	AcksIn, AcksOut     uint64
	Waiting             int // received bytes that Read has not taken
	Unconfirmed         int // written bytes that the relay has not confirmed
	Resumes             int
	DownSince           time.Time     // since when there is no link; zero if there is one
	RTT                 time.Duration // to the relay, of the last ping on the present link; 0 before the first
	Phases              Phases        // of the dial
}

// Stats gives the session's numbers.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		BytesIn: c.recv.received, BytesOut: c.send.written,
		FramesIn: c.counts.framesIn, FramesOut: c.counts.framesOut,
		AcksIn: c.counts.acksIn, AcksOut: c.counts.acksOut,
		Waiting: c.recv.waiting(), Unconfirmed: int(c.send.written - c.send.confirmed),
		Resumes: c.resumes, DownSince: c.downSince, RTT: c.link.lastRTT(), Phases: c.phases,
	}
}

// Unconfirmed is how many bytes that Write has taken the relay has not confirmed yet. Google's relay may confirm late.
func (c *Conn) Unconfirmed() int { return c.Stats().Unconfirmed }
