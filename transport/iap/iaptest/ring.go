package iaptest

// ring holds the bytes [start, end) of a stream, numbered from the stream's
// first byte. It grows as needed; its owner keeps it within bounds.
//
// A slice from peek stays valid, without a lock, until its bytes are discarded:
// append writes only to free space, and growing leaves the old array as it was.
type ring struct {
	buf        []byte
	start, end uint64
}

func (r *ring) len() int { return int(r.end - r.start) }

func (r *ring) append(p []byte) {
	if need := r.len() + len(p); need > len(r.buf) {
		r.grow(need)
	}
	for len(p) > 0 {
		n := copy(r.buf[r.end%uint64(len(r.buf)):], p)
		r.end += uint64(n)
		p = p[n:]
	}
}

func (r *ring) grow(need int) {
	old := *r
	r.buf = make([]byte, max(need, 2*len(old.buf), 4<<10))
	r.end = r.start
	for off := old.start; off < old.end; off = r.end {
		r.append(old.peek(off, old.len()))
	}
}

// peek returns at most n bytes from off on, fewer where the array wraps.
func (r *ring) peek(off uint64, n int) []byte {
	n = min(n, int(r.end-off))
	if n == 0 {
		return nil
	}
	i := int(off % uint64(len(r.buf)))
	return r.buf[i:min(i+n, len(r.buf))]
}

// appendTo appends the n bytes from off on to dst.
func (r *ring) appendTo(dst []byte, off uint64, n int) []byte {
	for n > 0 {
		p := r.peek(off, n)
		dst = append(dst, p...)
		off += uint64(len(p))
		n -= len(p)
	}
	return dst
}

// discard forgets everything before to.
func (r *ring) discard(to uint64) { r.start = to }
