package session

import "time"

const (
	// How long a connection that the user has given up may take to close: time enough for
	// a relay that answers to hear of it.
	abandonment = 500 * time.Millisecond

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
	r.hurry()
	closed := make(chan struct{})
	go r.closeInBackground(closed)
	select {
	case <-closed:
	case <-time.After(patience): // the process ends
	}
}

// hurry has the connection's end not wait for a link that is down.
func (r *run) hurry() {
	if conn, ok := bottom(r.conn).(interface{ Hurry() }); ok {
		conn.Hurry()
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
