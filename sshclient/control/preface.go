package control

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// proxied is a connection that has agreed on proxy mode, seen from either end, in the
// form that [golang.org/x/crypto/ssh.NewControlClientConn] takes. That function begins
// with a handshake of its own, which the other side must not hear again: what it says
// first is dropped, and answered here.
type proxied struct {
	net.Conn
	in io.Reader // the answers, then what comes; used by Read alone

	mu      sync.Mutex // guards the fields below, and keeps what is written in order
	drop    int        // how many messages are still to be dropped
	dropped []byte     // what has come of the next of them
}

// The handshake of x/crypto: a hello and a request for proxy mode, with this id.
const (
	prefaceMessages = 2
	prefaceID       = 0
)

func newProxied(c net.Conn) *proxied {
	answers := bytes.NewReader(encode(helloMessage(), newMessage(sProxy, number{prefaceID})))
	// Buffered, as x/crypto reads the length of a packet and the packet by turns.
	in := &packets{in: bufio.NewReaderSize(c, 64<<10)}
	return &proxied{Conn: c, in: io.MultiReader(answers, in), drop: prefaceMessages}
}

func (p *proxied) Read(b []byte) (int, error) { return p.in.Read(b) }

func (p *proxied) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drop > 0 {
		p.dropped = append(p.dropped, b...)
		if p.skip(); p.drop > 0 || len(p.dropped) == 0 {
			return len(b), nil
		}
		rest := p.dropped
		p.dropped = nil
		_, err := p.Conn.Write(rest)
		return len(b), err
	}
	return p.Conn.Write(b)
}

// packets reads what the other end says once it is proxied, and ends before a packet that holds nothing: x/crypto looks at the
// first byte of each and panics (mux.go, onePacket).
type packets struct {
	in   *bufio.Reader
	left int64 // of the present packet
}

// leastPacket is the length of the padding, and one byte.
const leastPacket = 2

func (p *packets) Read(b []byte) (int, error) {
	if p.left == 0 {
		head, err := p.in.Peek(4)
		if err != nil {
			return 0, err
		}
		size := binary.BigEndian.Uint32(head)
		if size < leastPacket {
			return 0, fmt.Errorf("%w: a packet with nothing in it", errProtocol)
		}
		p.left = 4 + int64(size)
	}
	n, err := p.in.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	return n, err
}

// skip takes whole messages of the handshake away.
func (p *proxied) skip() {
	for p.drop > 0 && len(p.dropped) >= 4 {
		size := 4 + int64(binary.BigEndian.Uint32(p.dropped))
		if int64(len(p.dropped)) < size {
			return
		}
		p.dropped = p.dropped[size:]
		p.drop--
	}
}
