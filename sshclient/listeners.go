package sshclient

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Listeners keeps what local forwards listen on from one client to the next, so that a port stays its owner's while a lost
// connection is replaced: as [ForwardOptions].Listeners it is given to each client in turn. A forward that is cancelled is
// closed as ever.
//
// For each address there is a goroutine, wait.run, while no client has it.
type Listeners struct {
	// Patience is how long those who connect while there is no client wait for one, counted from the end of the last. After
	// that they are turned away, and so is at once whoever else comes.
	Patience time.Duration

	mu     sync.Mutex
	closed bool          // guarded by mu
	kept   []keptForward // guarded by mu; without a client
}

// keptForward is what a forward listens on.
type keptForward struct {
	forward Forward
	waiting []*wait
}

// Close closes what no client has. What one still has is closed with it.
func (k *Listeners) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for _, f := range k.kept {
		for _, w := range f.waiting {
			w.end().Close()
		}
	}
	k.kept = nil
	return nil
}

// take gives what was kept of a forward; nothing if nothing was.
func (k *Listeners) take(forward Forward) []net.Listener {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.kept, func(f keptForward) bool { return f.forward == forward })
	if i < 0 {
		return nil
	}
	var all []net.Listener
	for _, w := range k.kept[i].waiting {
		all = append(all, w.end())
	}
	k.kept = slices.Delete(k.kept, i, i+1)
	return all
}

// keep takes a forward's listeners from a client that has ended.
func (k *Listeners) keep(o *openForward) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := keptForward{forward: o.Forward}
	for _, l := range o.listeners {
		bare := l.Listener.(*lentListener).giveBack()
		if k.closed {
			bare.Close()
			continue
		}
		w := &wait{lent: &lentListener{deadlineListener: bare}, patience: k.Patience, over: make(chan struct{}), ended: make(chan struct{})}
		go w.run()
		f.waiting = append(f.waiting, w)
	}
	if !k.closed {
		k.kept = append(k.kept, f)
	}
}

// deadlineListener is a listener of TCP or of a Unix socket.
type deadlineListener interface {
	net.Listener
	SetDeadline(t time.Time) error
}

// lentListener is a listener in somebody's use, from whom it can be taken without closing it.
type lentListener struct {
	deadlineListener
	returned  atomic.Bool
	accepting sync.Mutex // held by Accept
}

func (l *lentListener) Accept() (net.Conn, error) {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	if l.returned.Load() {
		return nil, net.ErrClosed
	}
	return l.deadlineListener.Accept()
}

// giveBack ends the use. An Accept in progress fails.
func (l *lentListener) giveBack() deadlineListener {
	l.returned.Store(true)
	l.SetDeadline(time.Unix(1, 0))
	l.accepting.Lock()
	defer l.accepting.Unlock()
	l.SetDeadline(time.Time{})
	return l.deadlineListener
}

// wait is a listener's time without a client. Who connects waits in the system's queue.
type wait struct {
	lent        *lentListener
	patience    time.Duration
	over, ended chan struct{}
}

// end ends it, and gives the listener.
func (w *wait) end() deadlineListener {
	close(w.over)
	bare := w.lent.giveBack()
	<-w.ended
	return bare
}

// run turns those away who have waited for too long.
func (w *wait) run() {
	defer close(w.ended)
	pause := w.patience
	for {
		select {
		case <-w.over:
			return
		case <-time.After(pause):
		}
		conn, err := w.lent.Accept()
		if err != nil {
			pause = acceptPause
			continue
		}
		pause = 0
		refuse(conn)
	}
}

// refuse closes a connection so that it cannot be taken for one that was served.
func refuse(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
