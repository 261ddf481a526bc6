package iaptest

import (
	"encoding/binary"
	"slices"
)

// shape is how the writer forms DATA. Zero is as it should be.
type shape struct {
	fragments int // from now on
	oversize  int // once
	trailing  int // once
}

// add takes over what is new in fresh.
func (s *shape) add(fresh *shape) {
	s.fragments = max(s.fragments, fresh.fragments)
	s.oversize = max(s.oversize, fresh.oversize)
	s.trailing = max(s.trailing, fresh.trailing)
	*fresh = shape{}
}

// appendData appends n bytes of the session's data from off on as DATA, in the
// shape that faults have given it.
func (l *link) appendData(out []byte, data *ring, off uint64, n int) []byte {
	if l.shape.fragments == 0 && l.shape.trailing == 0 {
		return data.appendTo(appendDataHead(out, n), off, n)
	}
	message := binary.BigEndian.AppendUint32([]byte{0, tagData}, uint32(n))
	message = data.appendTo(message, off, n)
	message = append(message, "\x00\x04\x00"[:l.shape.trailing]...)
	l.shape.trailing = 0
	return appendFragments(out, message, max(l.shape.fragments, 1))
}

// appendFragments appends a binary message in n frames, with a ping after the first.
func appendFragments(out, message []byte, n int) []byte {
	op := byte(opBinary)
	for part := range slices.Chunk(message, max((len(message)+n-1)/n, 1)) {
		b0 := op
		if message = message[len(part):]; len(message) == 0 {
			b0 |= finBit
		}
		out = append(appendHead(out, b0, len(part)), part...)
		if op == opBinary && b0&finBit == 0 {
			out = appendControl(out, opPing, []byte("between"))
		}
		op = opContinuation
	}
	return out
}

// dataSize is how large the next DATA may be with so much at hand.
func (l *link) dataSize(available int64) int {
	most := int64(maxData)
	if l.shape.oversize > 0 && available > maxData {
		most, l.shape.oversize = int64(l.shape.oversize), 0
	}
	return int(min(most, available))
}

func appendLongClose(dst []byte, code int, reason string) []byte {
	reason = reason[:min(len(reason), maxData)]
	dst = appendHead(dst, finBit|opBinary, ackSize+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, tagLongClose)
	dst = binary.BigEndian.AppendUint32(dst, uint32(code))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(reason)))
	return append(dst, reason...)
}

// The following look at a session for a fault; before there is one it is nil.

func (s *session) sidOr(sid string) string {
	if s != nil {
		return s.sid
	}
	return sid
}

func (s *session) received() uint64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up.end
}

func (s *session) ackBackward() []byte {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ackedUp = max(s.ackedUp, s.up.start)
	return appendAck(appendAck(nil, tagAck, s.ackedUp), tagAck, s.ackedUp-min(1, s.ackedUp))
}

// duplicate allows the client to confirm more than there is from now on.
func (s *session) duplicate(n int) []byte {
	n = max(min(n, maxData), 0)
	if s == nil {
		return append(appendDataHead(nil, n), make([]byte, n)...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.excess += uint64(n)
	kept := min(uint64(n), s.next-s.down.start)
	frame := append(appendDataHead(nil, n), make([]byte, n-int(kept))...) // what is confirmed is forgotten
	return s.down.appendTo(frame, s.next-kept, int(kept))
}
