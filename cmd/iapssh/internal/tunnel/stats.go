package tunnel

import (
	"errors"
	"net"
	"slices"
	"time"

	"github.com/iapssh/iapssh/transport/iap"
)

// Totals counts what a server has done since it began.
type Totals struct {
	Clients      uint64 // that were accepted
	Refused      uint64 // of them, those for which there was no session
	Failed       uint64 // of them, those whose session ended with an error
	AcceptErrors uint64
	Sent         uint64 // bytes from clients to the far side
	Received     uint64 // bytes for clients
	Resumes      uint64 // of sessions
	Acks         uint64 // to the relay and from it
}

// add counts a client that is gone.
func (t *Totals) add(c *connection, err error, refused bool) {
	t.Clients++
	var local *LocalError
	switch {
	case refused:
		t.Refused++
	case err != nil && !errors.As(err, &local):
		t.Failed++
	}
	t.count(c.info())
}

func (t *Totals) count(c Connection) {
	t.Sent += c.Sent
	t.Received += c.Received
	t.Resumes += uint64(c.Session.Resumes)
	t.Acks += c.Session.AcksIn + c.Session.AcksOut
}

// Connection is a client's, at one moment.
type Connection struct {
	ID             int // counts from 1
	Client         net.Addr
	Began          time.Time // when it was accepted
	Sent, Received uint64    // bytes to and from the far side
	Session        iap.Stats // zero before there is a session
}

// Snapshot is a server at one moment.
type Snapshot struct {
	Totals
	Tokens uint64 // access tokens that were used, for whoever counts them
	Began  time.Time
	Time   time.Time
	Open   []Connection // by ID
}

// Snapshot takes one; its totals include what is open.
func (s *Server) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	shot := Snapshot{Totals: s.past, Began: s.began, Time: time.Now()}
	for c := range s.clients {
		info := c.info()
		shot.Clients++
		shot.count(info)
		shot.Open = append(shot.Open, info)
	}
	slices.SortFunc(shot.Open, func(a, b Connection) int { return a.ID - b.ID })
	return shot
}

func (c *connection) info() Connection {
	stats, _ := c.stats()
	return Connection{
		ID: c.id, Client: c.local.RemoteAddr(), Began: c.began,
		Sent: c.sent.Load(), Received: c.received.Load(), Session: stats,
	}
}

// stats are the session's own; false if it keeps none, or is not there yet.
func (c *connection) stats() (iap.Stats, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.session.(interface{ Stats() iap.Stats }); ok {
		return s.Stats(), true
	}
	return iap.Stats{}, false
}
