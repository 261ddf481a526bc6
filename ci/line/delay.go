package line

import (
	"net"
	"sync"
	"time"
)

// Delay carries TCP connections as fast as they come, each byte some time later, in both directions. It counts what a client has to
// wait for: its connections, and the flights of the latest, of which one begins when the client speaks after it has heard something.
type Delay struct {
	listener net.Listener
	oneWay   time.Duration
	dial     func() (net.Conn, error)
	tasks    sync.WaitGroup // the accept loop, and two carriers and two collectors for each connection

	mu                   sync.Mutex // guards what follows
	open                 []net.Conn
	closed               bool
	connections, flights int
	heard                bool // something, since it last spoke
}

// NewDelay listens on loopback for connections to what dial leads to.
func NewDelay(oneWay time.Duration, dial func() (net.Conn, error)) (*Delay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &Delay{listener: listener, oneWay: oneWay, dial: dial}
	d.tasks.Go(d.accept)
	return d, nil
}

// Addr is the HOST:PORT of the near end.
func (d *Delay) Addr() string { return d.listener.Addr().String() }

// Counts tells how many connections there have been, and how many flights the latest has taken so far.
func (d *Delay) Counts() (connections, flights int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.connections, d.flights
}

// Close cuts everything.
func (d *Delay) Close() {
	d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for _, c := range d.open {
		c.Close()
	}
	d.mu.Unlock()
	d.tasks.Wait()
}

func (d *Delay) accept() {
	for {
		near, err := d.listener.Accept()
		if err != nil {
			return
		}
		far, err := d.dial()
		if err != nil {
			near.Close()
			continue
		}
		d.begin(near, far)
		d.tasks.Go(func() { d.carry(far, near, d.spoke, func() {}) })
		d.tasks.Go(func() { d.carry(near, far, func() {}, d.hears) })
	}
}

// begin counts a connection. Its first flight waits for nothing.
func (d *Delay) begin(ends ...net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.connections++
	d.flights, d.heard = 0, true
	d.open = append(d.open, ends...)
	if d.closed {
		for _, c := range ends {
			c.Close()
		}
	}
}

func (d *Delay) spoke() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heard {
		d.heard = false
		d.flights++
	}
}

func (d *Delay) hears() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = true
}

// carry moves one direction of a connection; picked is called when a piece sets out, brought when it arrives.
func (d *Delay) carry(to, from net.Conn, picked, brought func()) {
	defer to.Close()
	pieces := make(chan packet, 1000)
	d.tasks.Go(func() { d.collect(from, pieces, picked) })
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		brought()
		to.Write(p.payload) // whoever is gone gets no more
	}
}

func (d *Delay) collect(from net.Conn, pieces chan<- packet, picked func()) {
	defer close(pieces)
	for {
		buf := make([]byte, 64<<10)
		n, err := from.Read(buf)
		if n > 0 {
			picked()
			pieces <- packet{buf[:n], time.Now().Add(d.oneWay)}
		}
		if err != nil {
			return
		}
	}
}
