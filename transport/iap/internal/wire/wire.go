// Package wire is the codec of the relay's messages, SSH Relay v4 as IAP speaks it.
//
// One message travels in one binary WebSocket message. It begins with a big-endian uint16 tag; what follows depends on it:
//
//	tag     name               body                                  sender
//	0x0001  CONNECT_SUCCESS    u32 length, session id                relay, first on /connect
//	0x0002  RECONNECT_SUCCESS  u64 bytes the relay has received      relay, first on /reconnect
//	0x0004  DATA               u32 length, payload of 1…16384 bytes  both
//	0x0007  ACK                u64 payload bytes received in all     both
//	0x000A  LONG_CLOSE         u32 code, u32 length, reason          relay
//
// Other tags are reserved for the relay's future and are skipped whole. Bytes behind the body are skipped too. SPEC.md beside
// package iap says how each of these facts is known.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Tag is the first field of every message.
type Tag uint16

// The tags a client sends or understands.
const (
	TagConnectSuccess   Tag = 0x0001
	TagReconnectSuccess Tag = 0x0002
	TagData             Tag = 0x0004
	TagAck              Tag = 0x0007
	TagLongClose        Tag = 0x000A
)

const (
	// MaxPayload is the largest DATA payload we send, in bytes. Relays may refuse more.
	MaxPayload = 16384
	// MaxPayloadIn is the largest DATA payload we accept. gcloud takes any size; the bound is ours.
	MaxPayloadIn = 64 << 10
	// DataHeader is the number of bytes before a DATA payload.
	DataHeader = 6
	// maxText bounds a session id and a close reason.
	maxText = 16384
)

// FormatError tells that a message breaks the layout of its tag. The session cannot go on: a byte may be missing.
type FormatError struct {
	Tag    Tag
	Detail string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("relay message with tag %#04x: %s", uint16(e.Tag), e.Detail)
}

// Message is one decoded message; the fields its tag does not use are zero.
type Message struct {
	Tag    Tag
	SID    string // CONNECT_SUCCESS
	Ack    uint64 // RECONNECT_SUCCESS, ACK
	Data   []byte // DATA; the memory that room returned
	Code   uint32 // LONG_CLOSE
	Reason string // LONG_CLOSE
}

// PutDataHeader writes the header of a DATA message with an n-byte payload to the first DataHeader bytes of b.
func PutDataHeader(b []byte, n int) {
	binary.BigEndian.PutUint16(b, uint16(TagData))
	binary.BigEndian.PutUint32(b[2:], uint32(n))
}

// AppendAck appends an ACK message for a total of n received payload bytes.
func AppendAck(b []byte, n uint64) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(TagAck))
	return binary.BigEndian.AppendUint64(b, n)
}

// Decoder reads messages. Its memory makes decoding free of allocations; it serves one reader at a time.
type Decoder struct {
	head    [8]byte
	discard [256]byte
}

// Decode reads one whole message from r, which ends (io.EOF) with the message. A DATA payload is read into the n bytes that
// room returns, 0 < n ≤ MaxPayloadIn; room is not called for an empty one. A message that breaks its layout gives a
// *FormatError, a failure of r is returned as it is.
func (d *Decoder) Decode(r io.Reader, room func(n int) []byte) (Message, error) {
	if err := d.fill(r, 0, 2); err != nil {
		return Message{}, err
	}
	m := Message{Tag: Tag(binary.BigEndian.Uint16(d.head[:]))}
	if err := d.body(r, &m, room); err != nil {
		return Message{}, err
	}
	return m, d.skip(r)
}

func (d *Decoder) body(r io.Reader, m *Message, room func(n int) []byte) error {
	switch m.Tag {
	case TagConnectSuccess:
		sid, err := d.text(r, m.Tag)
		if err == nil && sid == "" {
			err = &FormatError{m.Tag, "empty session id"}
		}
		m.SID = sid
		return err
	case TagReconnectSuccess, TagAck:
		if err := d.fill(r, m.Tag, 8); err != nil {
			return err
		}
		m.Ack = binary.BigEndian.Uint64(d.head[:])
	case TagData:
		n, err := d.length(r, m.Tag, MaxPayloadIn)
		if err != nil || n == 0 {
			return err
		}
		m.Data = room(n)
		return truncated(readFull(r, m.Data), m.Tag)
	case TagLongClose:
		if err := d.fill(r, m.Tag, 4); err != nil {
			return err
		}
		m.Code = binary.BigEndian.Uint32(d.head[:])
		var err error
		m.Reason, err = d.text(r, m.Tag)
		return err
	}
	return nil
}

// text reads a length and that many bytes.
func (d *Decoder) text(r io.Reader, tag Tag) (string, error) {
	n, err := d.length(r, tag, maxText)
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	if err := truncated(readFull(r, b), tag); err != nil {
		return "", err
	}
	return string(b), nil
}

func (d *Decoder) length(r io.Reader, tag Tag, limit uint32) (int, error) {
	if err := d.fill(r, tag, 4); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(d.head[:])
	if n > limit {
		return 0, &FormatError{tag, fmt.Sprintf("length %d is beyond the limit of %d", n, limit)}
	}
	return int(n), nil
}

// fill reads the next n bytes, at most 8, to the start of head.
func (d *Decoder) fill(r io.Reader, tag Tag, n int) error {
	return truncated(readFull(r, d.head[:n]), tag)
}

// skip reads to the end of the message.
func (d *Decoder) skip(r io.Reader) error {
	for {
		switch _, err := r.Read(d.discard[:]); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	return err
}

// truncated turns the end of a message inside a field into a FormatError.
func truncated(err error, tag Tag) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &FormatError{tag, "truncated"}
	}
	return err
}
