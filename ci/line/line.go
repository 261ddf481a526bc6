package line

import (
	"io"
	"net"
	"sync"
	"time"
)

// packetSize is what an Ethernet packet carries of a TCP stream, in bytes.
const packetSize = 1448

// Config describes both directions of a Line alike.
type Config struct {
	Rate   int           // bytes a second
	OneWay time.Duration // delay of each direction
	Hold   int           // bytes that are on the line or wait for it at most, in packets of 1448
}

// Line is one line with any number of TCP connections on it.
type Line struct {
	up, down *direction
	tasks    sync.WaitGroup // accept loops and carriers

	mu     sync.Mutex // guards the fields below
	open   map[io.Closer]bool
	cut    bool
	closed bool
}

// New makes a line to which To gives entrances.
func New(cfg Config) *Line {
	return &Line{up: newDirection(cfg), down: newDirection(cfg), open: map[io.Closer]bool{}}
}

// To listens on loopback for connections that the line carries to addr, and gives the address.
func (l *Line) To(addr string) (string, error) {
	listener, err := listen()
	if err != nil {
		return "", err
	}
	l.keep(listener)
	l.tasks.Go(func() { l.accept(listener, addr) })
	return listener.Addr().String(), nil
}

// Close cuts everything.
func (l *Line) Close() {
	l.mu.Lock()
	l.closed = true
	for c := range l.open {
		c.Close()
	}
	l.mu.Unlock()
	l.tasks.Wait()
}

// Cut breaks all connections, and those that come until Mend.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.open {
		if _, entrance := c.(net.Listener); !entrance {
			c.Close()
		}
	}
}

// Mend lets connections through again.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

// keep makes Close close c.
func (l *Line) keep(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = true
	if l.closed || l.cut {
		c.Close()
	}
}

func (l *Line) accept(listener net.Listener, addr string) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := dial(addr)
		if err != nil {
			near.Close()
			continue
		}
		l.keep(near)
		l.keep(far)
		l.tasks.Go(func() { l.carry(near, far, l.up) })
		l.tasks.Go(func() { l.carry(far, near, l.down) })
	}
}

// carry moves one direction of a connection, FIN included.
func (l *Line) carry(from, to net.Conn, d *direction) {
	packets := make(chan packet, cap(d.places))
	var arrivals sync.WaitGroup
	arrivals.Go(func() { d.deliver(packets, to) })
	for {
		p := make([]byte, packetSize)
		n, err := from.Read(p)
		if n > 0 {
			packets <- packet{p[:n], d.enter(n)}
		}
		if err != nil {
			break
		}
	}
	close(packets)
	arrivals.Wait()
	to.(*net.TCPConn).CloseWrite()
}

// packet is on the line until due.
type packet struct {
	payload []byte
	due     time.Time
}

// direction is a queue before a sender before a wire.
type direction struct {
	rate   int
	oneWay time.Duration
	places chan struct{} // has a value for each packet held; whoever waits for a place is served in order

	mu   sync.Mutex
	free time.Time // guarded by mu; when the sender has sent all that has entered
}

func newDirection(cfg Config) *direction {
	return &direction{rate: cfg.Rate, oneWay: cfg.OneWay, places: make(chan struct{}, cfg.Hold/packetSize)}
}

// enter waits for a place for n bytes and says when they will arrive.
func (d *direction) enter(n int) (due time.Time) {
	d.places <- struct{}{}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); d.free.Before(now) {
		d.free = now
	}
	d.free = d.free.Add(time.Duration(n) * time.Second / time.Duration(d.rate))
	return d.free.Add(d.oneWay)
}

// deliver hands packets over when they are due. When nobody takes them any more they are lost.
func (d *direction) deliver(packets <-chan packet, to net.Conn) {
	for p := range packets {
		time.Sleep(time.Until(p.due))
		to.Write(p.payload)
		<-d.places
	}
}
