package session

import (
	"time"

	"github.com/iapssh/iapssh/sshclient"
)

// How long a connection that the user has given up may take to close: time enough for
// a relay that answers to hear of it, and next to none without a link.
const (
	abandonment = 500 * time.Millisecond
	noLink      = 50 * time.Millisecond

	// A passenger's output may never be read; it must not keep a master alive.
	passengerPatience = 2 * time.Second
)

// hangUp closes the connection.
func (r *run) hangUp() {
	if !r.abandoned && r.server == nil {
		r.close()
		r.work.Wait()
		return
	}
	patience := abandonment
	if !r.abandoned {
		patience = passengerPatience
	}
	if link, ok := r.conn.(sshclient.LinkState); ok {
		if _, down := link.LinkDown(); down {
			patience = noLink
		}
	}
	closed := make(chan struct{})
	go r.closeInBackground(closed)
	select {
	case <-closed:
	case <-time.After(patience): // the process ends
	}
}

func (r *run) closeInBackground(closed chan<- struct{}) {
	defer close(closed)
	r.close()
}

func (r *run) close() {
	if r.client != nil {
		r.client.Close()
	}
	if r.conn != nil {
		r.conn.Close()
	}
	if r.server != nil {
		r.server.Close()
	}
}
