package sshclient

import (
	"io"
	"sync"
)

const (
	// tinyBuffer is what a silent connection keeps. It is of an odd size: what fills it is
	// likely to go on, and not a message of some round number of bytes.
	tinyBuffer = 6 << 10

	// smallBuffer holds one SSH packet, enough for keystrokes and their echo.
	smallBuffer = 32 << 10

	// bulkBuffer is read into once data comes in quantity: fewer hand-overs
	// between goroutines, at a third less CPU per byte.
	bulkBuffer = 256 << 10
)

// copyBuffer is what is read into on one way, as large as the data is plenty.
//
// That of a session grows up to its limit, and stays. Forwarded connections are many, and
// may fall silent at any time: theirs stays tiny, and a bulkBuffer is borrowed for one
// read at a time, when more data is known to be there.
type copyBuffer struct {
	own   []byte
	limit int        // of own
	pool  *sync.Pool // of *[]byte, to borrow from when own is at its limit; nil: never
	bulk  *[]byte    // borrowed
}

func sessionBuffer() *copyBuffer {
	return &copyBuffer{own: make([]byte, smallBuffer), limit: bulkBuffer}
}

func newBulkBuffer() any {
	b := make([]byte, bulkBuffer)
	return &b
}

// space is where to read next.
func (b *copyBuffer) space() []byte {
	if b.bulk != nil {
		return *b.bulk
	}
	return b.own
}

// fit adapts the size after n bytes were read.
func (b *copyBuffer) fit(n int) {
	full := n == len(b.space())
	switch {
	case b.bulk != nil && !full:
		b.giveBack()
	case b.bulk != nil || !full:
	case len(b.own) < b.limit:
		b.own = make([]byte, min(2*n, b.limit))
	case b.pool != nil:
		b.bulk = b.pool.Get().(*[]byte)
	}
}

func (b *copyBuffer) giveBack() {
	if b.bulk != nil {
		b.pool.Put(b.bulk)
		b.bulk = nil
	}
}

// pump copies until the end of from, or the first error in writing, which it
// returns. An error in reading is an end as well.
func pump(to io.Writer, from io.Reader, buf *copyBuffer) (written int64, err error) {
	defer buf.giveBack()
	for {
		n, readErr := from.Read(buf.space())
		if n > 0 {
			w, err := to.Write(buf.space()[:n])
			written += int64(w)
			if err != nil {
				return written, err
			}
		}
		if readErr != nil {
			return written, nil
		}
		buf.fit(n)
	}
}
