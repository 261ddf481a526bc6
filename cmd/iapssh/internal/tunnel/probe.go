package tunnel

import (
	"context"
	"sync"
	"time"
)

// probe is the session that checked the way to a port. The check costs the far side no connection of its own: the first client
// takes the session over, if it is still open and young.
type probe struct {
	mu    sync.Mutex // guards conn
	conn  Conn       // nil when taken or dropped
	since time.Time
	gone  chan struct{} // closed when conn has become nil
}

func newProbe(conn Conn) *probe {
	return &probe{conn: conn, since: time.Now(), gone: make(chan struct{})}
}

// take gives the session to a client, or nil.
func (p *probe) take() Conn {
	conn := p.release()
	if conn == nil {
		return nil
	}
	// A write of nothing fails when the session has ended.
	if _, err := conn.Write(nil); err != nil || !fresh(time.Since(p.since)) {
		conn.Close()
		return nil
	}
	return conn
}

func (p *probe) release() Conn {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	conn := p.conn
	if conn != nil {
		p.conn = nil
		close(p.gone)
	}
	return conn
}

// guard closes the session if no client comes in time.
func (p *probe) guard(ctx context.Context) {
	timer := time.NewTimer(probeLife - time.Since(p.since))
	defer timer.Stop()
	select {
	case <-p.gone:
	case <-timer.C:
		p.drop()
	case <-ctx.Done():
		p.drop()
	}
}

func (p *probe) drop() {
	if conn := p.release(); conn != nil {
		conn.Close()
	}
}
