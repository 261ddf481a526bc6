package sshclient

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/crypto/ssh"
)

// Message numbers of a key exchange (RFC 4253, 4419, 5656).
const (
	msgNewKeys       = 21
	msgKexReply      = 31 // of all methods but group exchange, where it is the group
	msgGroupKexReply = 33
)

// maxSniffed bounds what is kept of a server's first messages.
const maxSniffed = 256 << 10

// exchangeProof is what a server signed the first key exchange with. x/crypto verifies
// it and does not show it; an agent wants to see it, see bind.
type exchangeProof struct {
	hostKey, signature []byte // as they were sent
}

// sniffer reads the server's side of the first key exchange, which is not encrypted
// yet, as it passes by. It is used by the goroutine that reads.
type sniffer struct {
	line    func(string) // is told of the lines before the first packet; nil: nobody is
	greeted bool         // the identification line has passed
	over    bool
	pending []byte
	proof   exchangeProof // set when over, if it was found
}

// watch looks at what has arrived.
func (s *sniffer) watch(arrived []byte) {
	if s.over {
		return
	}
	s.pending = append(s.pending, arrived...)
	for !s.over && s.step() {
	}
	if s.over || len(s.pending) > maxSniffed {
		s.over, s.pending = true, nil
	}
}

// step takes one line or packet off what is pending, and says whether there was one.
func (s *sniffer) step() bool {
	if !s.greeted {
		line, rest, ok := bytes.Cut(s.pending, []byte("\n"))
		if !ok {
			return false
		}
		s.pending, s.greeted = rest, bytes.HasPrefix(line, []byte("SSH-"))
		if s.line != nil {
			s.line(visibleLine(string(bytes.TrimSuffix(line, []byte("\r"))), maxLine))
		}
		return true
	}
	// A packet is its length, the length of its padding, payload and padding.
	if len(s.pending) < 5 {
		return false
	}
	length, padding := binary.BigEndian.Uint32(s.pending), uint32(s.pending[4])
	if length > maxSniffed || length < padding+2 {
		s.over = true
		return false
	}
	if uint32(len(s.pending)) < 4+length {
		return false
	}
	s.message(s.pending[5 : 4+length-padding])
	s.pending = s.pending[4+length:]
	return true
}

func (s *sniffer) message(payload []byte) {
	switch payload[0] {
	case msgKexReply, msgGroupKexReply:
		var reply struct{ HostKey, Ours, Signature []byte }
		// The group of a group exchange has two fields, and does not parse.
		if ssh.Unmarshal(append([]byte(nil), payload[1:]...), &reply) != nil {
			return
		}
		s.proof = exchangeProof{hostKey: bytes.Clone(reply.HostKey), signature: bytes.Clone(reply.Signature)}
		s.over = true
	case msgNewKeys:
		s.over = true
	}
}
