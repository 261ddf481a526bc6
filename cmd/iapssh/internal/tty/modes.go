package tty

import "encoding/binary"

// opEnd ends a list of terminal modes, opInSpeed and opOutSpeed hold the line's
// speeds in bits per second (RFC 4254 section 8).
const (
	opEnd      = 0
	opInSpeed  = 128
	opOutSpeed = 129
)

// disabled is the value that stands for a special character that is switched
// off; systems have values of their own for that.
const disabled = 255

// mode is one terminal mode: an opcode and its value.
type mode struct {
	op    byte
	value uint32
}

// encode writes modes in the form of a pty-req: opcode and value in turn, then opEnd.
func encode(modes []mode) []byte {
	out := make([]byte, 0, 5*len(modes)+1)
	for _, m := range modes {
		out = append(out, m.op)
		out = binary.BigEndian.AppendUint32(out, m.value)
	}
	return append(out, opEnd)
}

// flag returns a mode that is on or off.
func flag(op byte, on bool) mode {
	if on {
		return mode{op, 1}
	}
	return mode{op, 0}
}

// Modes returns the terminal's settings in the encoding of RFC 4254 section 8,
// for the pty-req of a session. It must be called before MakeRaw. What is no
// terminal has none, encoded.
func (t *Terminal) Modes() []byte { return encode(terminalModes(t.in)) }
