package iaptest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

// WebSocket framing of the server's side, RFC 6455 section 5, as strict as the
// RFC allows and stricter where the relay's clients have no reason for freedom
// (a client of the relay never needs to fragment).

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA

	finBit  = 0x80
	maskBit = 0x80

	maxControl = 125
	// maxMessage bounds what is read of one frame. It is well above the largest
	// legal relay message, so that larger DATA can be told from garbage.
	maxMessage = 128 << 10
)

// frame is one websocket frame from the client, unmasked.
type frame struct {
	op      byte
	payload []byte // valid until the next frame is read
}

// misuse is what a client did wrong, and the close code that answers it.
type misuse struct {
	kind   ViolationKind
	code   int
	detail string
}

func (m *misuse) Error() string { return string(m.kind) + ": " + m.detail }

func misusef(kind ViolationKind, code int, format string, args ...any) *misuse {
	return &misuse{kind, code, fmt.Sprintf(format, args...)}
}

// frameReader reads the client's frames. It does not allocate in the steady state.
type frameReader struct {
	br  *bufio.Reader
	buf []byte
}

// next returns the next frame, a *misuse, or the error of the connection;
// io.EOF only between frames.
func (r *frameReader) next() (frame, error) {
	h, err := r.br.Peek(2)
	if err != nil {
		if err == io.EOF && len(h) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	b0, b1 := h[0], h[1]
	if err := checkHead(b0, b1); err != nil {
		return frame{}, err
	}
	n, head, err := r.length(b1 &^ maskBit)
	if err != nil {
		return frame{}, err
	}
	if n > maxMessage {
		return frame{}, misusef(OversizeMessage, 1009, "%d bytes", n)
	}
	h, err = r.br.Peek(head + 4)
	if err != nil {
		return frame{}, unexpected(err)
	}
	mask := [4]byte(h[head:])
	r.br.Discard(head + 4)

	if uint64(cap(r.buf)) < n {
		r.buf = make([]byte, max(n, dataHeader+maxData))
	}
	payload := r.buf[:n]
	if _, err := io.ReadFull(r.br, payload); err != nil {
		return frame{}, unexpected(err)
	}
	unmask(payload, mask)
	return frame{op: b0 & 0x0F, payload: payload}, nil
}

// checkHead judges the first two bytes of a frame.
func checkHead(b0, b1 byte) error {
	op, n := b0&0x0F, b1&^maskBit
	switch {
	case b0&0x70 != 0:
		return misusef(ReservedBits, 1002, "first byte %#02x", b0)
	case op != opContinuation && op != opText && op != opBinary && op != opClose && op != opPing && op != opPong:
		return misusef(UnknownOpcode, 1002, "%#x", op)
	case b1&maskBit == 0:
		return misusef(Unmasked, 1002, "opcode %#x", op)
	case op == opContinuation || b0&finBit == 0:
		return misusef(Fragmented, 1002, "first byte %#02x", b0)
	case op >= opClose && n > maxControl:
		return misusef(OversizeControl, 1002, "opcode %#x", op)
	}
	return nil
}

// length returns the payload length and the size of the header before the mask.
func (r *frameReader) length(short byte) (n uint64, head int, err error) {
	switch short {
	case 126:
		h, err := r.br.Peek(4)
		if err != nil {
			return 0, 0, unexpected(err)
		}
		n, head = uint64(binary.BigEndian.Uint16(h[2:])), 4
		if n < 126 {
			return 0, 0, misusef(LongLength, 1002, "%d in 16 bits", n)
		}
	case 127:
		h, err := r.br.Peek(10)
		if err != nil {
			return 0, 0, unexpected(err)
		}
		n, head = binary.BigEndian.Uint64(h[2:]), 10
		if n < 1<<16 || n>>63 != 0 {
			return 0, 0, misusef(LongLength, 1002, "%d in 64 bits", n)
		}
	default:
		n, head = uint64(short), 2
	}
	return n, head, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func unmask(p []byte, mask [4]byte) {
	m := binary.LittleEndian.Uint32(mask[:])
	mm := uint64(m)<<32 | uint64(m)
	for len(p) >= 32 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^mm)
		binary.LittleEndian.PutUint64(p[8:], binary.LittleEndian.Uint64(p[8:])^mm)
		binary.LittleEndian.PutUint64(p[16:], binary.LittleEndian.Uint64(p[16:])^mm)
		binary.LittleEndian.PutUint64(p[24:], binary.LittleEndian.Uint64(p[24:])^mm)
		p = p[32:]
	}
	for i := range p {
		p[i] ^= mask[i&3]
	}
}

// appendHead appends the header of an unmasked frame with n bytes of payload.
func appendHead(dst []byte, b0 byte, n int) []byte {
	switch {
	case n < 126:
		return append(dst, b0, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, b0, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, b0, 127), uint64(n))
	}
}

func appendControl(dst []byte, op byte, payload []byte) []byte {
	return append(appendHead(dst, finBit|op, len(payload)), payload...)
}

// appendClose appends a close frame; code 1005 stands for an empty payload.
func appendClose(dst []byte, code int, reason string) []byte {
	if code == noStatus {
		return appendHead(dst, finBit|opClose, 0)
	}
	reason = reason[:min(len(reason), maxControl-2)]
	dst = appendHead(dst, finBit|opClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// parseClose judges the payload of the client's close frame.
func parseClose(p []byte) (code int, reason string, err error) {
	if len(p) == 0 {
		return noStatus, "", nil
	}
	if len(p) == 1 {
		return 0, "", misusef(BadClose, 1002, "payload of one byte")
	}
	code, reason = int(binary.BigEndian.Uint16(p)), string(p[2:])
	switch {
	case code < 1000, code == 1004, code == 1005, code == 1006, code > 1014 && code < 3000, code >= 5000:
		return 0, "", misusef(BadClose, 1002, "code %d", code)
	case !utf8.ValidString(reason):
		return 0, "", misusef(BadClose, 1002, "reason is not UTF-8")
	}
	return code, reason, nil
}
