package sshclient

import (
	"net"
	"sync/atomic"
	"time"
)

// wire is the net.Conn as x/crypto sees it: it notes when something last arrived,
// and that nothing will any more.
type wire struct {
	net.Conn
	start time.Time
	last  atomic.Int64 // nanoseconds from start to the latest Read with data
	ended atomic.Pointer[error]

	received, sent atomic.Int64

	sniffer sniffer     // used by Read, until it has the proof
	greeted atomic.Bool // the server has identified itself
	proved  atomic.Pointer[exchangeProof]
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.last.Store(int64(time.Since(w.start)))
		w.received.Add(int64(n))
		w.sniff(p[:n])
	}
	if err != nil {
		w.ended.CompareAndSwap(nil, &err)
	}
	return n, err
}

// sniff keeps the server's signature over the first key exchange.
func (w *wire) sniff(arrived []byte) {
	if w.sniffer.over {
		return
	}
	w.sniffer.watch(arrived)
	w.greeted.Store(w.sniffer.greeted)
	if w.sniffer.over {
		w.proved.Store(&w.sniffer.proof)
	}
}

// proof returns what sniff has found, empty when it was nothing.
func (w *wire) proof() exchangeProof {
	if proof := w.proved.Load(); proof != nil {
		return *proof
	}
	return exchangeProof{}
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.sent.Add(int64(n))
	return n, err
}

// broken returns the first error of a Read, nil while there was none.
func (w *wire) broken() error {
	if err := w.ended.Load(); err != nil {
		return *err
	}
	return nil
}

// heard returns when something last arrived.
func (w *wire) heard() time.Time { return w.start.Add(time.Duration(w.last.Load())) }

// Stats is what has gone over a connection, encryption and handshake included.
type Stats struct {
	Since          time.Time // begin of the handshake
	Heard          time.Time // when something last arrived
	Received, Sent int64     // bytes
}

// Stats returns the connection's numbers.
func (c *Client) Stats() Stats {
	return Stats{Since: c.wire.start, Heard: c.wire.heard(), Received: c.wire.received.Load(), Sent: c.wire.sent.Load()}
}
